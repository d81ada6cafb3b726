import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { programSearch } from '../../../src/host/program-search.js';
import { otherAddress } from '../../support/host-addresses.js';
import { NATIVE_RELAY_MISSING, startRelayProgram } from '../../support/native-relay-program.js';
import { nativeWebPortal } from '../../support/native-web-portal.js';
import { echo, TcpEndpoint } from '../../support/tcp-endpoint.js';
import { tcpConnect } from '../../support/tcp-peer.js';

const ss = programSearch(process.env.PATH)('ss');
const PACES = ss !== null && /^bbr/.test(systemsCongestionControl());

/** Who is at a loopback address is sent to without pacing; everybody else as the system has it. */
describe.skipIf(NATIVE_RELAY_MISSING || !PACES)(
  'the congestion control of the native relay (skipped where it is not built, without ss, and where the system does not pace)',
  () => {
    it('is without pacing for an endpoint and a client at loopback', async () => {
      const endpoint = await TcpEndpoint.listen(echo);
      const { port } = await nativeWebPortal(startRelayProgram, endpoint.endpoint);
      const client = await tcpConnect({ address: '127.0.0.1', port });
      await client.send('x');
      expect(await client.text(1)).toBe('x');
      expect(await congestionControl(`dport = :${endpoint.endpoint.port}`)).toEqual(['reno']);
      expect(await congestionControl(`sport = :${port}`)).toEqual(['reno']);
    });

    it.skipIf(otherAddress === undefined)(
      'is the system’s for an endpoint elsewhere (skipped where this host has no other address)',
      async () => {
        const endpoint = await TcpEndpoint.listen(echo, otherAddress);
        const { port } = await nativeWebPortal(startRelayProgram, endpoint.endpoint);
        const client = await tcpConnect({ address: '127.0.0.1', port });
        await client.send('x');
        expect(await client.text(1)).toBe('x');
        expect(await congestionControl(`dport = :${endpoint.endpoint.port}`)).toEqual([
          systemsCongestionControl(),
        ]);
      },
    );

    it.skipIf(otherAddress === undefined)(
      'is the system’s for a client elsewhere (skipped where this host has no other address)',
      async () => {
        const address = otherAddress ?? '';
        const endpoint = await TcpEndpoint.listen(echo);
        const { port } = await nativeWebPortal(startRelayProgram, endpoint.endpoint, address);
        const client = await tcpConnect({ address, port });
        await client.send('x');
        expect(await client.text(1)).toBe('x');
        expect(await congestionControl(`sport = :${port}`)).toEqual([systemsCongestionControl()]);
      },
    );
  },
);

function systemsCongestionControl(): string {
  return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim();
}

/** Of the established sockets that the filter lets through: the word that stands before their window scale in `ss -i`. */
async function congestionControl(filter: string): Promise<readonly string[]> {
  const { stdout } = await promisify(execFile)(ss ?? '', ['-Htni', 'state', 'established', filter]);
  return [...stdout.matchAll(/^\s+(?:ts sack |ts |sack )*(\w+) wscale/gm)].map(([, name]) => name ?? '');
}
