import type { ChildProcesses } from '../child-processes.js';
import type { Options, PeerName } from '../options.js';
import type { Peer } from '../peer.js';
import { haproxy } from './haproxy.js';
import { kubeSplice } from './kube-splice.js';
import { nginx } from './nginx.js';

/** Every peer that the options ask for, besides the direct connection. @param program the built `main.js`. */
export function peersFor(
  { peers, programs, relayPrograms }: Pick<Options, 'peers' | 'programs' | 'relayPrograms'>,
  program: string,
  children: ChildProcesses,
): readonly Peer[] {
  const native = (name: string, relayProgram?: string, relayThreads = 1): Peer => {
    const other = relayProgram === undefined ? {} : { relayProgram };
    return kubeSplice({ name, program, relay: 'native', relayThreads, ...other }, children);
  };
  const ownRelay = relayPrograms.find(({ name }) => name === 'native')?.file;
  const builtIn: Readonly<Record<PeerName, () => Peer>> = {
    native: () => native('native', ownRelay),
    'native-2': () => native('native-2', ownRelay, 0),
    portable: () => kubeSplice({ name: 'portable', program, relay: 'portable' }, children),
    haproxy: () => haproxy(children),
    nginx: () => nginx(children),
  };
  return [
    ...peers.map((name) => builtIn[name]()),
    ...relayPrograms.filter(({ name }) => name !== 'native').map(({ name, file }) => native(name, file)),
    ...programs.map(({ name, file }) => kubeSplice({ name, program: file, relay: 'portable' }, children)),
  ];
}

/** Those that can be started here, and for each one its version and settings, or why it is left out. */
export async function presentPeers(peers: readonly Peer[]) {
  const present: Peer[] = [];
  const descriptions: { readonly name: string; readonly description: string }[] = [];
  for (const peer of peers) {
    const { name } = peer;
    const missing = (await peer.missing?.()) ?? null;
    if (missing === null) present.push(peer);
    const description = missing === null ? await peer.described?.() : `left out: ${missing}`;
    descriptions.push({ name, description: description ?? '' });
  }
  return { peers: present, descriptions };
}
