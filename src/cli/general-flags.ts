import type { Command, Flag } from './flag.js';

export const ALL: readonly Command[] = ['run', 'demo', 'status', 'explain'];

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
    commands: ['status', 'explain'],
    default: 'table',
    choices: STATUS_OUTPUTS,
    description: 'Text for people, or the JSON that the proxy serves.',
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
