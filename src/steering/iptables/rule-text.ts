import type { Protocol } from '../../model/service-port.js';

/** What the packet filter of one family has: a rule is made of nothing else. */
export interface Capabilities {
  readonly comment: boolean;
  readonly addrtype: boolean;
  readonly multiport: boolean;
  readonly conntrack: boolean;
  readonly state: boolean;
  readonly reject: boolean;
}

/** What a packet filter of today has. */
export const ALL_CAPABILITIES: Capabilities = {
  comment: true,
  addrtype: true,
  multiport: true,
  conntrack: true,
  state: true,
  reject: true,
};

/** The parts of a rule between the name of its chain and its verdict, in the order in which iptables-save prints them. */
export interface Match {
  readonly source?: Matched | undefined;
  /** A CIDR. */
  readonly destination?: string | undefined;
  readonly protocol?: Protocol | undefined;
  readonly comment?: string | undefined;
  readonly port?: number | undefined;
  readonly toLocalAddress?: boolean | undefined;
}

/** A CIDR that something must be in, or must not be in. */
export interface Matched {
  readonly cidr: string;
  readonly not: boolean;
}

/**
 * A rule as iptables-save of 1.4.11 and later prints it, so that a kernel that already has it needs no change:
 *
 *     -A CHAIN -s CIDR -d CIDR -p tcp -m comment --comment "TEXT" -m tcp --dport PORT -m addrtype --dst-type LOCAL -j …
 *
 * @param verdict what stands behind `-j`.
 */
export function ruleText(chain: string, match: Match, verdict: string, has: Capabilities): string {
  let text = `-A ${chain}`;
  const { source, destination, protocol, comment, port, toLocalAddress } = match;
  // iptables-save does not print what is true of every packet.
  if (source !== undefined && !isEveryone(source.cidr)) text += `${source.not ? ' !' : ''} -s ${source.cidr}`;
  if (destination !== undefined && !isEveryone(destination)) text += ` -d ${destination}`;
  const name = protocol?.toLowerCase();
  if (name !== undefined) text += ` -p ${name}`;
  if (comment !== undefined) text += commentText(comment, has);
  if (name !== undefined && port !== undefined) text += ` -m ${name} --dport ${port}`;
  if (toLocalAddress === true && has.addrtype) text += ' -m addrtype --dst-type LOCAL';
  return `${text} -j ${verdict}`;
}

/** ` -m comment --comment "…"`, or nothing where the kernel has no comments. */
export function commentText(comment: string, has: Capabilities): string {
  return has.comment ? ` -m comment --comment ${quotedComment(comment)}` : '';
}

/** The longest comment that the kernel takes (`struct xt_comment_info`), without its final zero byte. */
const LONGEST_COMMENT = 255;

/**
 * A comment as iptables-save prints it: quoted where it holds anything but letters, digits, `_` and `-`. One that would
 * be too long is cut: it is for people. (A service port's name has at most 253 + 1 + 63 + 1 + 63 characters.)
 */
function quotedComment(comment: string): string {
  const text = comment.slice(0, LONGEST_COMMENT);
  return /^[\w-]+$/.test(text) ? text : `"${text.replace(/["'\\]/g, '\\$&')}"`;
}

/** `10.0.0.1/32`, `fd00::1/128`: an address as iptables-save prints it. */
export function hostCIDR(address: string): string {
  return `${address}/${address.includes(':') ? 128 : 32}`;
}

/** Whether every address is in it. */
export function isEveryone(cidr: string): boolean {
  return cidr.endsWith('/0');
}
