import { describe, expect, it } from 'vitest';
import { programSearch } from '../../src/host/program-search.js';
import { handOver, readNothing, TcpEndpoint } from '../support/tcp-endpoint.js';
import { sendUrgentData } from '../support/urgent-client.js';
import { RelayUnderTest, type StartEngine } from './contract-engine.js';

/** What sends urgent data here. */
const perl = programSearch(process.env.PATH)('perl');
/** More than goes before a stream moves to a pipe. */
const STREAM_BYTES = 3 * 1024 * 1024;

/**
 * Urgent data (RFC 6093; telnet, FTP) misleads whoever takes a short read for the last: reads stop at its mark. Whether
 * the urgent byte itself, `!` here, is passed on is up to the engine; what is around it must be.
 */
export function describeUrgentData(start: StartEngine): void {
  describe(`urgent data${perl === null ? ' (SKIPPED: needs perl)' : ''}`, () => {
    it.skipIf(perl === null)('does not stop what comes behind it', async () => {
      const endpoint = await TcpEndpoint.listen(handOver);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      await sendUrgentData(portal.port, 3, 'behind', false).sent;
      const served = await endpoint.accepted();
      expect(await served.text('xxx'.length)).toBe('xxx');
      const behind = await served.text('behind'.length);
      expect(behind.startsWith('!') ? behind + (await served.text(1)) : behind).toMatch(/^!?behind$/);
    });

    it.skipIf(perl === null)('in a stream does not end it before its end', async () => {
      const endpoint = await TcpEndpoint.listen(readNothing);
      const relay = await RelayUnderTest.start(start);
      const portal = await relay.open({ endpoints: [endpoint.endpoint] });
      await sendUrgentData(portal.port, STREAM_BYTES, 'the tail', true).sent;
      // All of it waits on its way, the FIN behind it.
      const served = await endpoint.accepted();
      served.startReading();
      const text = (await served.rest()).toString('latin1').replace('!', '');
      expect(text).toHaveLength(STREAM_BYTES + 'the tail'.length);
      expect(text.slice(-10)).toBe('xxthe tail');
      served.finish();
    });
  });
}
