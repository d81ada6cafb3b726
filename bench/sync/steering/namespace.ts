import type { CommandRunner } from '../../../src/host/command-runner.js';
import type { ProgramSearch } from '../../../src/host/program-search.js';
import { KubeSpliceError } from '../../../src/model/errors.js';
import { type PacketFilter, programsOf } from './packet-filter.js';

/** The address of the node in every namespace of the bench. */
export const NODE_ADDRESS = '192.0.2.1';

/**
 * An interface that is not loopback, as a node has, and a `/run` of its own: iptables locks `/run/xtables.lock`, which
 * namespaces of networks share, so whoever writes the host's rules would be waited for, and kept waiting.
 */
const SET_UP = `
ip link set lo up
ip link add eth0 type veth peer name eth1
ip address add ${NODE_ADDRESS}/24 dev eth0
ip link set eth0 up
ip link set eth1 up
mount -t tmpfs tmpfs /run
exec "$@"`;

/**
 * The command that runs another one in namespaces of its own (network and mounts), without rules: its process becomes
 * that one's. They have no name, so that the kernel removes them with their last process, however that ends.
 */
export const IN_NEW_NAMESPACES: readonly string[] = [
  'unshare',
  '--net',
  '--mount',
  '/bin/sh',
  '-ec',
  SET_UP,
  'sh',
];

/** The command that runs another one, by its absolute path, in the namespaces of this process. */
export function inNamespacesOf(pid: number): readonly string[] {
  return ['nsenter', `--target=${pid}`, '--net', '--mount'];
}

/** Why this host can't make namespaces for packet rules, in the words of who refuses; null where it can. */
export async function whyNoNamespaces(
  runner: CommandRunner,
  uid: number | undefined,
): Promise<string | null> {
  if (uid !== 0) return 'packet rules, and network namespaces to write them in, need root';
  const [program = '', ...args] = [...IN_NEW_NAMESPACES, 'true'];
  try {
    const { exitCode, stderr } = await runner.run({ program, args });
    return exitCode === 0 ? null : `a network namespace can't be made: ${stderr.trim()}`;
  } catch (error) {
    if (error instanceof KubeSpliceError) return `a network namespace can't be made: ${error.message}`;
    throw error;
  }
}

/** What this host lacks to write rules with this filter; null where it lacks nothing. */
export function whyNoFilter(filter: PacketFilter, find: ProgramSearch): string | null {
  const missing = programsOf(filter).filter((program) => find(program) === null);
  return missing.length === 0 ? null : `${filter} has no ${missing.join(', ')} here`;
}
