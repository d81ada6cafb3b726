import { networkInterfaces } from 'node:os';

/** The addresses of this host as `os.networkInterfaces` gives them. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/**
 * Asks for them, and remembers what it was told: asking takes a file descriptor (a netlink socket), and a process that has none left
 * is to go on with what it knows.
 *
 * @returns a function that throws what `ask` throws where nothing is known yet.
 */
export function rememberedInterfaces(ask: () => Interfaces = networkInterfaces): () => Interfaces {
  let known: Interfaces | undefined;
  return () => {
    try {
      known = ask();
    } catch (error) {
      if (known === undefined) throw error;
    }
    return known;
  };
}

/** Those of this host, or what they were when they could be asked for last. */
export const hostInterfaces = rememberedInterfaces();

/**
 * The addresses of this host that a socket bound to `bindAddress` would answer on: itself, or every one of its family
 * for `0.0.0.0`, of both families for `::`. Link-local IPv6 addresses are left out: they mean nothing without their
 * interface, and a node has one for each pod.
 */
export function localAddresses(bindAddress: string, interfaces: Interfaces = hostInterfaces()): string[] {
  if (bindAddress !== '0.0.0.0' && bindAddress !== '::') return [bindAddress];
  const found = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family }) => bindAddress === '::' || family === 'IPv4')
    .filter(({ family, address }) => family === 'IPv4' || !address.toLowerCase().startsWith('fe80:'))
    .map(({ address }) => address);
  return found.length === 0 ? [bindAddress] : [...new Set(found)];
}
