import { networkInterfaces } from 'node:os';

/** The addresses of this host as `os.networkInterfaces` gives them. */
export type Interfaces = ReturnType<typeof networkInterfaces>;

/**
 * The addresses of this host that a socket bound to `bindAddress` would answer on: itself, or every one of its family
 * for `0.0.0.0`, of both families for `::`. Link-local IPv6 addresses are left out: they mean nothing without their
 * interface, and a node has one for each pod.
 */
export function localAddresses(bindAddress: string, interfaces: Interfaces = networkInterfaces()): string[] {
  if (bindAddress !== '0.0.0.0' && bindAddress !== '::') return [bindAddress];
  const found = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family }) => bindAddress === '::' || family === 'IPv4')
    .filter(({ family, address }) => family === 'IPv4' || !address.toLowerCase().startsWith('fe80:'))
    .map(({ address }) => address);
  return found.length === 0 ? [bindAddress] : [...new Set(found)];
}
