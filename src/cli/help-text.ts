import yargs from 'yargs';
import type { Command, Flag } from './flag.js';
import { FLAGS } from './flags.js';

const WIDTH = 100;

const USAGE: Readonly<Record<Command, string>> = {
  run: [
    'kube-splice proxies the Services of Kubernetes in user space: every service port gets a listening',
    'socket, a portal, and each connection to it is spliced to one endpoint.',
    '',
    'Usage: $0 --kubeconfig FILE | --master URL | --manifests FILE_OR_DIR [flags]',
  ].join('\n'),
  demo: [
    'kube-splice demo starts three HTTP servers and a UDP service, and proxies them until Ctrl-C.',
    '',
    'Usage: $0 demo [--once] [flags]',
  ].join('\n'),
  status: [
    'kube-splice status asks a running kube-splice for its service ports, portals and endpoints.',
    '',
    'Usage: $0 status [-o table|json] [--watch] [flags]',
  ].join('\n'),
  explain: [
    'kube-splice explain asks a running kube-splice why the traffic of a Service goes where it goes: its',
    'portal, the ways in, which endpoints are used and why the others are not, and what failed last.',
    '',
    'Usage: $0 explain NAMESPACE/SERVICE[:PORT] [--client IP] [-o table|json] [flags]',
  ].join('\n'),
  diff: [
    'kube-splice diff compares what kube-splice would do with what the rules of the kube-proxy on this host',
    'do (iptables or userspace mode): services, addresses and endpoints that one has and the other has not.',
    'It changes nothing. It exits with 0 where they do the same, with 1 where they do not.',
    '',
    'Usage: $0 diff --kubeconfig FILE | --master URL | --manifests FILE_OR_DIR [--iptables-save FILE] [flags]',
  ].join('\n'),
};

const EPILOGUE = [
  'Durations are in the form of Go: 250ms, 1m30s, 2h22m. A boolean is --flag or --flag=false.',
  'The other flags of kube-proxy 1.25 are accepted, with a warning that they have no effect.',
].join('\n');

/** What `--help` prints for a command. */
export function helpText(command: Command): string {
  const parser = yargs([])
    .scriptName('kube-splice')
    .locale('en')
    .usage(USAGE[command])
    .help(false)
    .version(false)
    .wrap(WIDTH);
  if (command === 'run') {
    parser.command('demo', 'See it work: three servers, two Services, no cluster');
    parser.command('status', 'Ask a running kube-splice how it stands');
    parser.command('explain', 'Ask it why the traffic of a Service goes where it goes');
    parser.command('diff', 'Compare what it would do with what kube-proxy does on this host');
    parser.epilogue(EPILOGUE);
  }
  const flags: readonly Flag[] = FLAGS;
  for (const flag of flags.filter(({ commands }) => commands.includes(command))) {
    const preset = defaultOf(flag, command);
    parser.option(flag.name, {
      group: `${flag.group}:`,
      describe: flag.description,
      ...(flag.takes === 'boolean' ? { type: 'boolean' } : {}),
      ...(flag.letter === undefined || flag.letter === flag.name ? {} : { alias: flag.letter }),
      ...(flag.choices === undefined ? {} : { choices: flag.choices }),
      ...(preset === '' || flag.takes === 'boolean' ? {} : { defaultDescription: preset }),
    });
  }
  let text = '';
  parser.showHelp((help) => {
    text = help;
  });
  return `${text.trimEnd()}\n`;
}

function defaultOf(flag: Flag, command: Command): string {
  return command === 'demo' ? (flag.demoDefault ?? flag.default) : flag.default;
}
