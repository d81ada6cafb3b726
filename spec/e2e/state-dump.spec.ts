import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NATIVE_RELAY_MISSING } from '../support/native-relay-program.js';
import { RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { echo, TcpEndpoint } from '../support/tcp-endpoint.js';
import { tcpConnect } from '../support/tcp-peer.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.84.3';

describe.for(['portable', 'native'] as const)('SIGUSR1, with the %s relay', (relay) => {
  it('logs the state, bounded, and neither stops traffic nor starts the debugger of Node', async ({
    skip,
  }) => {
    skip(relay === 'native' && NATIVE_RELAY_MISSING, 'the native relay is not built');
    const endpoint = await TcpEndpoint.listen(echo);
    const others = Array.from({ length: 120 }, (_, n) => serviceManifest(`s${n}`, []));
    const manifest = writeManifest(
      join(temporaryDirectory(), 'a.yaml'),
      serviceManifest('a', [endpoint.endpoint]),
      ...others,
    );
    const argv = ['--relay', relay, '--manifests', manifest, '--log-format', 'json'];
    const proxy = await RunningProgram.start(ADDRESS, argv);
    const { program } = proxy;
    const port = await proxy.portOf('default/a:main');
    const client = await tcpConnect({ address: ADDRESS, port });
    await client.send('one');
    expect(await client.text(3)).toBe('one');
    program.signal('SIGUSR1');
    await program.says(/"state: end"/);
    const lines = program.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ message }) => String(message).startsWith('state: '));
    const of = (kind: string) =>
      lines.filter(({ message }) => message === `state: ${kind}`).map(({ fields }) => fields);
    expect(of('relay')).toMatchObject([{ kind: relay }]);
    expect(of('steering')).toMatchObject([{ kind: 'none' }]);
    expect(of('totals')).toMatchObject([{ servicePorts: 121, portals: 121, activeConnections: 1 }]);
    expect(of('process')[0].openFiles).toBeGreaterThan(5);
    expect(of('process')[0].residentBytes).toBeGreaterThan(10_000_000);
    expect(of('portal')[0]).toMatchObject({ servicePort: 'default/a:main', portal: `${ADDRESS}:${port}` });
    expect(of('portal')).toHaveLength(101);
    expect(of('portal').at(-1)).toEqual({ more: 21 });
    expect(of('endpoint')).toMatchObject([{ endpoint: endpoint.key, connections: 1 }]);
    expect(of('end')).toEqual([{ lines: lines.length - 1 }]);
    expect(program.stderr).not.toContain('Debugger');
    await client.send('two');
    expect(await client.text(3)).toBe('two');
    program.signal('SIGTERM');
    client.finish();
    expect(await program.ended()).toBe(0);
  });
});
