import { parseAddress } from '../model/address.js';
import { invalid, type Parsed, valid } from './parsed.js';
import { parseWholeNumber } from './whole-number.js';

/** An address, and the port where one was written behind it. */
export interface SocketAddress {
  /** Canonical text. */
  readonly address: string;
  readonly port: number | null;
}

const BRACKETED = /^\[([^[\]]*)\](?::(.*))?$/s;
const IPV4_AND_PORT = /^([^:]*):([^:]*)$/s;

/** An IP address alone, in canonical text. */
export function parseIPAddress(text: string): Parsed<string> {
  const address = parseAddress(text)?.address;
  if (address === undefined) {
    return invalid(text, 'is not an IP address; give one such as 10.0.0.1, 0.0.0.0 or ::');
  }
  return valid(address);
}

/** `10.0.0.1`, `10.0.0.1:80`, `fd00::1`, `[fd00::1]` or `[fd00::1]:80`: kube-proxy's own forms of an address. */
export function parseSocketAddress(text: string): Parsed<SocketAddress> {
  const { host, port } = split(text);
  const address = parseAddress(host)?.address;
  if (address === undefined || (text.startsWith('[') && !host.includes(':'))) {
    return invalid(text, 'is not an address; give one such as 127.0.0.1, 127.0.0.1:10249 or [::1]:10249');
  }
  if (port === undefined) return valid({ address, port: null });
  const number = parseWholeNumber(port, 0, 65_535);
  return number.ok && /^\d+$/.test(port)
    ? valid({ address, port: number.value })
    : invalid(text, 'has no port from 0 to 65535 behind its colon');
}

function split(text: string): { host: string; port: string | undefined } {
  const [, host = text, port] = BRACKETED.exec(text) ?? IPV4_AND_PORT.exec(text) ?? [];
  return { host, port };
}
