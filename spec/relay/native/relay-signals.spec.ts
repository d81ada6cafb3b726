import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually, within } from '../../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { RelayPeer } from '../../support/relay-program.js';
import { echo, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { tcpConnect } from '../../support/tcp-peer.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

/** Shorter than what one signal leaves connections to end. */
const AT_ONCE_MS = 2_000;

/** A relay with a portal, and a client that has been served by its endpoint. */
async function startWithClient() {
  const path = join(temporaryDirectory(), 'relay.sock');
  const relay = await startRelayProgram(path);
  const { endpoint } = await TcpEndpoint.listen(echo);
  const peer = await RelayPeer.connect(path);
  onTestFinished(() => peer.end());
  peer.send('1 hello 1\n');
  await peer.lines(2);
  const portal = '2 portal a/b tcp 127.0.0.1 0 affinity=none endpoints=1\n';
  const [opened = ''] = await peer.ask(2, `${portal}2 endpoint ${endpoint.key}\n`);
  const port = Number(opened.split(' ')[3]);
  const client = await tcpConnect({ address: '127.0.0.1', port });
  await client.send('first');
  expect(await client.text(5)).toBe('first');
  return { relay, port, client };
}

/** No new client is taken any more. */
function untilRefused(port: number): Promise<void> {
  return eventually(async () => {
    const dial = tcpConnect({ address: '127.0.0.1', port });
    dial.then((late) => late.reset()).catch(() => undefined);
    await expect(dial).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });
}

describe.skipIf(NATIVE_RELAY_MISSING)(
  'a relay program that is told to end (skipped where it is not built)',
  () => {
    it('lets what is open end, takes nobody new, and is gone when the last one is', async () => {
      const { relay, port, client } = await startWithClient();
      const ended = relay.end('SIGTERM');
      await client.send('after the signal');
      expect(await client.text(16)).toBe('after the signal');
      // Bytes go on while the signal is still on its way to the thread that hears it.
      await untilRefused(port);
      expect(relay.hasEnded).toBe(false);
      client.finish();
      expect(await within('the end of the relay', ended, AT_ONCE_MS)).toBe(0);
    });

    it('ends at once where it is told twice', async () => {
      const { relay, port, client } = await startWithClient();
      const ended = relay.end('SIGTERM');
      await client.send('after the signal');
      expect(await client.text(16)).toBe('after the signal');
      // It has read the first signal: two that wait are one (signal(7)).
      await untilRefused(port);
      void relay.end('SIGTERM');
      expect(await within('the end of the relay', ended, AT_ONCE_MS)).toBe(0);
    });
  },
);
