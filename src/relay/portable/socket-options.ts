/**
 * A peer whose host has gone sends neither FIN nor RST: unprobed, an idle connection to it would be kept for ever. Probes
 * begin after 15 s, as they do in kube-proxy (Go's default, `net.ListenConfig` and `net.Dialer`).
 */
const KEEP_ALIVE = { keepAlive: true, keepAliveInitialDelay: 15_000 } as const;

/**
 * What both sockets of a connection have in common: half-close is carried through, small writes leave at once, and Node
 * reads nothing ahead of a paused socket. How much may wait unsent is for the splice to say, not for this mark.
 */
export const SOCKET_OPTIONS = {
  allowHalfOpen: true,
  noDelay: true,
  ...KEEP_ALIVE,
  highWaterMark: 1,
} as const;
