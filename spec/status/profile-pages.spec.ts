import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { SILENT_LOGGER } from '../../src/host/log.js';
import type { PageRequest } from '../../src/status/page-answer.js';
import { profilePages } from '../../src/status/profile-pages.js';
import { StatusServer } from '../../src/status/status-server.js';
import { eventually, within } from '../support/deadline.js';

let server: StatusServer | undefined;
afterEach(() => server?.stop());

async function serve(isEnabled = true) {
  server = new StatusServer({ address: '127.0.0.1', port: 0 }, profilePages(isEnabled), SILENT_LOGGER);
  const { port } = await server.start();
  const ask = async (path: string, host = 'localhost'): Promise<IncomingMessage> => {
    const asked = request({ host: '127.0.0.1', port, path, agent: false, headers: { host } }).end();
    asked.on('error', () => undefined);
    const [response]: [IncomingMessage] = (await within('the answer', once(asked, 'response'))) as [
      IncomingMessage,
    ];
    return response;
  };
  return { ask };
}

/** The status that a page answers when it is asked directly. */
async function statusFor(remoteAddress: string, host: string): Promise<number> {
  const asked: PageRequest = {
    query: new URLSearchParams('seconds=0'),
    host,
    remoteAddress,
    signal: AbortSignal.abort(),
  };
  return (await profilePages(true).get('/debug/pprof/profile')?.(asked))?.status ?? 0;
}

describe('profiles', () => {
  it('of the CPU tell where time is spent, for as long as was asked', async () => {
    const { ask } = await serve();
    const response = await ask('/debug/pprof/profile?seconds=1');
    expect(response.headers['content-disposition']).toBe('attachment; filename="kube-splice.cpuprofile"');
    const profile = (await within('the profile', json(response))) as Record<string, unknown>;
    expect(profile.nodes).toBeInstanceOf(Array);
    const { startTime, endTime } = profile as { startTime: number; endTime: number };
    // In microseconds, by a clock of its own.
    expect(endTime - startTime).toBeGreaterThan(900_000);
  });

  it('of the heap are whole snapshots', async () => {
    const { ask } = await serve();
    const response = await ask('/debug/pprof/heap');
    expect(response.headers['content-disposition']).toBe('attachment; filename="kube-splice.heapsnapshot"');
    expect(await within('the snapshot', json(response), 30_000)).toMatchObject({ snapshot: { meta: {} } });
  }, 40_000);

  it('are taken one at a time, and the next one once the client of the first has gone', async () => {
    const { ask } = await serve();
    const first = await ask('/debug/pprof/profile?seconds=120');
    first.on('error', () => undefined);
    const second = await ask('/debug/pprof/profile?seconds=1');
    expect([second.statusCode, await text(second)]).toEqual([503, expect.stringContaining('taken already')]);
    first.destroy();
    await eventually(async () => {
      const third = await ask('/debug/pprof/profile?seconds=1');
      expect(third.statusCode).toBe(200);
      third.destroy();
    });
  });

  it.each(['0', '121', '-1', '1.5', 'x', ''])('are not taken for %j seconds', async (seconds) => {
    const { ask } = await serve();
    const response = await ask(`/debug/pprof/profile?seconds=${seconds}`);
    expect([response.statusCode, await text(response)]).toEqual([
      400,
      expect.stringContaining('from 1 to 120'),
    ]);
  });

  it.each(['/debug/pprof/profile', '/debug/pprof/heap'])(
    'are off where nobody asked for them: %s',
    async (path) => {
      const { ask } = await serve(false);
      const response = await ask(path);
      expect([response.statusCode, await text(response)]).toEqual([
        403,
        expect.stringContaining('--profiling'),
      ]);
    },
  );

  it.each([
    ['127.0.0.1', 'localhost:10249'],
    ['127.9.9.9', '127.0.0.1'],
    ['::1', '[::1]:10249'],
    ['::ffff:127.0.0.1', 'localhost'],
  ])('are for a client at %s that calls this server %s', async (remoteAddress, host) => {
    // Past the guard: what is wrong is the time that it asks for.
    expect(await statusFor(remoteAddress, host)).toBe(400);
  });

  it.each([
    ['192.0.2.1', 'localhost'],
    ['::ffff:192.0.2.1', 'localhost'],
    ['127.0.0.1', 'rebound.example:10249'],
    ['127.0.0.1', 'localhost.example'],
    ['127.0.0.1', '127.0.0.1.example'],
    ['127.0.0.1', ''],
    ['', 'localhost'],
  ])('are not for a client at %j that calls this server %j', async (remoteAddress, host) => {
    expect(await statusFor(remoteAddress, host)).toBe(403);
  });
});
