import type { Command, Flag } from './flag.js';

export const ALL: readonly Command[] = ['run', 'demo', 'status', 'explain', 'diff'];

export const STATUS_OUTPUTS = ['table', 'json'] as const;

/** Flags of commands other than `run`, and of every one, in the order of `--help`. */
export const GENERAL_FLAGS = [
  {
    name: 'once',
    group: 'General',
    takes: 'boolean',
    commands: ['demo'],
    default: 'false',
    description: 'Make the requests, check how they were balanced, and exit 0 or 1.',
  },
  {
    name: 'output',
    letter: 'o',
    group: 'General',
    takes: 'value',
    commands: ['status', 'explain', 'diff'],
    default: 'table',
    choices: STATUS_OUTPUTS,
    description: 'Text for people, or JSON.',
  },
  {
    name: 'client',
    group: 'General',
    takes: 'value',
    commands: ['explain'],
    default: '',
    description:
      'An IP address: whether a client there is let in, and which endpoint session affinity holds for it.',
  },
  {
    name: 'iptables-save',
    group: 'General',
    takes: 'values',
    commands: ['diff'],
    default: '',
    description:
      'A file that iptables-save or ip6tables-save has printed, - for standard input, rather than the rules of this host. Repeat it for several.',
  },
  {
    name: 'watch',
    letter: 'w',
    group: 'General',
    takes: 'boolean',
    commands: ['status'],
    default: 'false',
    description: 'Go on showing what is carried, in place, until Ctrl-C.',
  },
  {
    name: 'interval',
    group: 'General',
    takes: 'value',
    commands: ['status'],
    default: '2s',
    description: 'With --watch: how long from one look to the next, such as 500ms or 5s. At least 100ms.',
  },
  {
    name: 'help',
    letter: 'h',
    group: 'General',
    takes: 'boolean',
    commands: ALL,
    default: 'false',
    description: 'Print this help.',
  },
  {
    name: 'version',
    group: 'General',
    takes: 'boolean',
    commands: ALL,
    default: 'false',
    description: 'Print the version.',
  },
] as const satisfies readonly Flag[];
