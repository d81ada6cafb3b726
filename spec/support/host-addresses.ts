import { networkInterfaces } from 'node:os';

const ADDRESSES = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);

/** Whether this host has IPv6: specs that need it say so in their names. */
export const hasIPv6 = ADDRESSES.some(({ address }) => address === '::1');

/** An IPv4 address of this host other than loopback, which is reached without leaving it; `undefined` where it has none. */
export const otherAddress = ADDRESSES.find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
