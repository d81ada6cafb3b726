import { readFileSync } from 'node:fs';

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
const RESERVED = '/proc/sys/net/ipv4/ip_local_reserved_ports';

/**
 * The ports that Linux would choose from for a listener on port 0 (ip-sysctl: `ip_local_port_range` without
 * `ip_local_reserved_ports`); empty where that can't be read.
 *
 * Like the kernel, this takes every second one: those of the other parity are left for outgoing connections.
 *
 * @param read the text of a file; it may throw.
 */
export function ephemeralPorts(read = (path: string) => readFileSync(path, 'utf8')): readonly number[] {
  try {
    return parseEphemeralPorts(read(RANGE), read(RESERVED));
  } catch {
    return []; // No Linux, or no /proc.
  }
}

/** The same from the text of the two files: `32768 60999`, and `8080,30000-31000` or nothing. */
export function parseEphemeralPorts(range: string, reserved: string): readonly number[] {
  const [low = 0, high = -1] = range.trim().split(/\s+/).map(Number);
  const kept = reserved
    .trim()
    .split(',')
    .filter((part) => part !== '')
    .map((part) => part.split('-').map(Number));
  const ports: number[] = [];
  for (let port = low + 1; port <= high; port += 2) {
    if (!kept.some(([first = 0, last = first]) => first <= port && port <= last)) ports.push(port);
  }
  return ports;
}
