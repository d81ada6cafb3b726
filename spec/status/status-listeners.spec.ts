import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { StatusAddress } from '../../src/config/proxy-config.js';
import type { KubeSpliceError } from '../../src/model/errors.js';
import { type StatusAddresses, StatusListeners } from '../../src/status/status-listeners.js';
import { eventually } from '../support/deadline.js';
import { statusFigures } from '../support/proxy-values.js';
import { RecordingLogger } from '../support/recording-logger.js';

/** Addresses that no other spec uses: every port of them is free. */
const [HEALTH, METRICS] = ['127.0.95.1', '127.0.95.2'] as const;
const PORT = 10_249;
const at = (address: string, port = PORT): StatusAddress => ({ address, port });

async function listen(addresses: StatusAddresses) {
  const log = new RecordingLogger();
  const listeners = new StatusListeners(addresses, statusFigures(), log);
  onTestFinished(() => listeners.stop());
  await listeners.start();
  return { listeners, log };
}

async function codeOf(address: string, path: string, port = PORT): Promise<number | string> {
  try {
    return (await fetch(`http://${address}:${port}${path}`)).status;
  } catch (error) {
    return (error as { cause: { code: string } }).cause.code;
  }
}

async function holdPort(address: string) {
  const holder = createServer().listen(PORT, address);
  await once(holder, 'listening');
  const release = () => new Promise<void>((released) => holder.close(() => released()));
  onTestFinished(async () => {
    if (holder.listening) await release();
  });
  return release;
}

describe('where pages are served', () => {
  it('health and status at one address, metrics and all else at the other', async () => {
    const { log } = await listen({ statusAddress: at(HEALTH), metricsAddress: at(METRICS) });
    const both = ['/healthz', '/livez', '/readyz', '/proxyMode', '/v1/status'];
    for (const path of both)
      expect([path, await codeOf(HEALTH, path), await codeOf(METRICS, path)]).toEqual([path, 200, 200]);
    for (const path of ['/metrics', '/configz'])
      expect([path, await codeOf(HEALTH, path), await codeOf(METRICS, path)]).toEqual([path, 404, 200]);
    expect(log.lines.map(({ message, fields }) => [message, fields.address])).toEqual([
      ['status', HEALTH],
      ['metrics', METRICS],
    ]);
  });

  it.each<[string, string]>([
    [HEALTH, HEALTH],
    ['0.0.0.0', HEALTH],
    [HEALTH, '0.0.0.0'],
    ['::', HEALTH],
    [HEALTH, '::'],
  ])('all by one server where health is at %s and metrics at %s, with one port', async (health, metrics) => {
    const port = 10_259;
    const { log } = await listen({ statusAddress: at(health, port), metricsAddress: at(metrics, port) });
    expect([await codeOf(HEALTH, '/healthz', port), await codeOf(HEALTH, '/metrics', port)]).toEqual([
      200, 200,
    ]);
    expect(log.messages('error')).toEqual([]);
    expect(log.messages('info')).toEqual(['status']);
  });

  it('by two where only the port is another', async () => {
    await listen({ statusAddress: at(HEALTH, 10_256), metricsAddress: at(HEALTH) });
    expect([await codeOf(HEALTH, '/metrics', 10_256), await codeOf(HEALTH, '/metrics')]).toEqual([404, 200]);
  });

  it.each<[string, StatusAddresses, number | string]>([
    ['/metrics', { statusAddress: at(HEALTH), metricsAddress: null }, 404],
    ['/healthz', { statusAddress: null, metricsAddress: null }, 'ECONNREFUSED'],
  ])('not at all where that is turned off: %s', async (path, addresses, code) => {
    await listen(addresses);
    expect(await codeOf(HEALTH, path)).toBe(code);
  });

  it('metrics alone where health is turned off', async () => {
    await listen({ statusAddress: null, metricsAddress: at(METRICS) });
    expect(await codeOf(METRICS, '/metrics')).toBe(200);
  });

  it('nothing starts where the address of health is held by another program', async () => {
    await holdPort(HEALTH);
    await expect(listen({ statusAddress: at(HEALTH), metricsAddress: at(METRICS) })).rejects.toThrow(
      expect.objectContaining({ code: 'STATUS_ADDRESS_IN_USE' }) as KubeSpliceError,
    );
    expect(await codeOf(METRICS, '/metrics')).toBe('ECONNREFUSED');
  });

  it('without metrics where their address is held, which is told once; and with them when it is free', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const release = await holdPort(METRICS);
    const { log } = await listen({ statusAddress: at(HEALTH), metricsAddress: at(METRICS) });
    expect(await codeOf(HEALTH, '/healthz')).toBe(200);
    await vi.advanceTimersByTimeAsync(5_000);
    await vi.advanceTimersByTimeAsync(5_000);
    await release();
    vi.useRealTimers();
    expect(log.lines.filter(({ level }) => level === 'error')).toMatchObject([
      {
        message: expect.stringMatching(/^STATUS_ADDRESS_IN_USE: .*127\.0\.95\.2:10249.*tried again/),
        fields: { remedy: expect.stringContaining('--metrics-bind-address') },
      },
    ]);
  });

  it('has metrics as soon as their address is free', async () => {
    const release = await holdPort(METRICS);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    await listen({ statusAddress: at(HEALTH), metricsAddress: at(METRICS) });
    await release();
    await vi.advanceTimersByTimeAsync(5_000);
    vi.useRealTimers();
    await eventually(async () => expect(await codeOf(METRICS, '/metrics')).toBe(200));
  });

  it('is tried no more once it was stopped', async () => {
    const release = await holdPort(METRICS);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const { listeners } = await listen({ statusAddress: at(HEALTH), metricsAddress: at(METRICS) });
    await listeners.stop();
    await release();
    await vi.advanceTimersByTimeAsync(20_000);
    vi.useRealTimers();
    expect(await codeOf(METRICS, '/metrics')).toBe('ECONNREFUSED');
  });
});
