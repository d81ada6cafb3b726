import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { TcpEndpoint } from '../../support/tcp-endpoint.js';
import { tcpConnect } from '../../support/tcp-peer.js';

/** Policies of sched(7), as proc_pid_stat(5) tells them. */
const SCHED_OTHER = 0;
const SCHED_BATCH = 3;
const STREAM_BYTES = 400_000_000;

describe.skipIf(NATIVE_RELAY_MISSING)('a thread of the native relay (skipped where it is not built)', () => {
  it('waits for its turn on a processor while it has a stream alone, and no longer', async () => {
    const endpoint = await TcpEndpoint.listen((peer) => peer.forget());
    const { port, pid } = await nativeWebPortal(startRelayProgram, endpoint.endpoint);
    const client = await tcpConnect({ address: '127.0.0.1', port });
    expect(policiesOf(pid)).toEqual(new Set([SCHED_OTHER]));
    const sent = client.stream(1, STREAM_BYTES);
    await eventually(() => expect(policiesOf(pid)).toContain(SCHED_BATCH));
    await sent;
    await eventually(() => expect(policiesOf(pid)).toEqual(new Set([SCHED_OTHER])));
  });
});

function policiesOf(pid: number): ReadonlySet<number> {
  return new Set(
    readdirSync(`/proc/${pid}/task`).map((thread) => policyOf(`/proc/${pid}/task/${thread}/stat`)),
  );
}

/** Field 41; the name, field 2, may hold anything. */
function policyOf(file: string): number {
  const stat = readFileSync(file, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]);
}
