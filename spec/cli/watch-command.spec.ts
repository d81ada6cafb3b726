import { EventEmitter } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { runWatchCommand, type WatchOutput } from '../../src/cli/watch-command.js';
import { SILENT_LOGGER } from '../../src/host/log.js';
import { healthPages } from '../../src/status/status-pages.js';
import { StatusServer } from '../../src/status/status-server.js';
import { eventually, within } from '../support/deadline.js';
import { aReport, statusFigures } from '../support/proxy-values.js';

const ENDS: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ENDS.splice(0)) await end();
});

class Screen extends EventEmitter implements WatchOutput {
  written = '';
  columns = 80;
  rows = 24;

  constructor(readonly isTTY: boolean) {
    super();
  }

  write(text: string): void {
    this.written += text;
  }
}

async function serve(port = 0) {
  const pages = healthPages(statusFigures({ report: async () => aReport() }));
  const server = new StatusServer({ address: '127.0.0.1', port }, pages, SILENT_LOGGER);
  const address = await server.start();
  ENDS.push(() => server.stop());
  return { server, address };
}

async function watch(isTTY: boolean) {
  const screen = new Screen(isTTY);
  const { server, address } = await serve();
  const ending = new AbortController();
  const running = runWatchCommand({ address, intervalMs: 20, output: screen, signal: ending.signal });
  const end = () => {
    ending.abort();
    return within('the end', running);
  };
  ENDS.push(end);
  return { screen, server, address, end };
}

const looks = (text: string) => text.split('default/whoami:http').length - 1;

describe('kube-splice status --watch', () => {
  it('draws in place on a terminal, and leaves it as it was', async () => {
    const { screen, end } = await watch(true);
    await eventually(() => expect(looks(screen.written)).toBeGreaterThan(2));
    expect(await end()).toBe(0);
    const { written } = screen;
    expect(written.startsWith('\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[Hkube-splice 0.1.0')).toBe(true);
    expect(written.endsWith('\u001b[J\u001b[?7h\u001b[?25h\u001b[?1049l')).toBe(true);
    // Nothing is wiped before it is drawn over: that is what flickers.
    expect(written).not.toContain('\u001b[2J');
    expect(written.match(/(?<!\r)\n/)).toBeNull();
    expect(screen.listenerCount('resize')).toBe(0);
  });

  it('draws anew at once where the terminal gets another size', async () => {
    const { screen, end } = await watch(true);
    await eventually(() => expect(looks(screen.written)).toBeGreaterThan(0));
    screen.columns = 20;
    screen.written = '';
    screen.emit('resize');
    expect(screen.written).toContain('\u001b[Hkube-splice 0.1.0, u\u001b[K');
    await end();
  });

  it('prints each look whole where there is no terminal', async () => {
    const { screen, end } = await watch(false);
    await eventually(() => expect(looks(screen.written)).toBeGreaterThan(2));
    expect(await end()).toBe(0);
    expect(screen.written).not.toContain('\u001b');
    expect(screen.written).toMatch(/^kube-splice 0\.1\.0.*\n\nkube-splice 0\.1\.0.*\n\n$/s);
  });

  it('tells of a proxy that has gone, shows what was known, and goes on when it is back', async () => {
    const { screen, server, address } = await watch(false);
    await eventually(() => expect(looks(screen.written)).toBeGreaterThan(0));
    await server.stop();
    await eventually(() =>
      expect(screen.written).toMatch(/! no kube-splice answers at .*default\/whoami:http/s),
    );
    await serve(address.port);
    screen.written = '';
    await eventually(() => expect(screen.written).toMatch(/\n\nkube-splice 0\.1\.0[^!]*\n\n$/));
  });
});
