import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/deadline.js';
import { NATIVE_RELAY_MISSING, startRelayWithFewFiles } from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { greet, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { type TcpPeer, tcpConnect } from '../../support/tcp-peer.js';

/** What the system allows the relay: fewer than its clients need. */
const OPEN_FILES = 256;
const CLIENTS = 200;
/** A relay whose process another user may not look at is seen by root alone. */
const IS_ROOT = process.getuid?.() === 0;

describe.skipIf(NATIVE_RELAY_MISSING || !IS_ROOT)(
  `the native relay with ${OPEN_FILES} open files (skipped where it is not built, and but for root)`,
  () => {
    it('stops accepting at the limit, keeps what it has, says so once, and resumes', async () => {
      const endpoint = await TcpEndpoint.listen(greet('g'));
      const { port, pid, observer } = await nativeWebPortal(
        (socket) => startRelayWithFewFiles(OPEN_FILES, socket),
        endpoint.endpoint,
      );
      const clients: TcpPeer[] = [];
      while (clients.length < CLIENTS) clients.push(await tcpConnect({ address: '127.0.0.1', port }));
      await eventually(() => expect(observer.filesExhaustedAt).toHaveLength(1));
      const limit = observer.filesExhaustedAt[0] ?? 0;
      await eventually(() => expect(clients.filter(isServed)).toHaveLength(Math.floor((limit - 1) / 2)));
      expect(readdirSync(`/proc/${pid}/fd`).length).toBeLessThanOrEqual(OPEN_FILES);
      const [served, waiting] = [clients.filter(isServed), clients.filter((client) => !isServed(client))];
      for (const client of served) {
        expect(await client.text(1)).toBe('g');
        await client.send('still there?');
        expect(await client.text(12)).toBe('still there?');
      }
      expect(waiting.filter(({ wasReset }) => wasReset)).toEqual([]);
      expect(observer.filesAvailableAgain).toBe(0);
      for (const client of served) client.finish();
      for (const client of waiting) {
        expect(await client.text(1)).toBe('g');
        client.finish();
      }
      await eventually(() => expect(observer.filesAvailableAgain).toBe(1));
      expect(observer.filesExhaustedAt).toHaveLength(1);
    });
  },
);

function isServed({ bytesReceived }: TcpPeer): boolean {
  return bytesReceived > 0;
}
