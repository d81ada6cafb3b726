import { EventEmitter, once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Logger, SILENT_LOGGER } from '../../src/host/log.js';
import type { Page } from '../../src/status/page-answer.js';
import { StatusServer } from '../../src/status/status-server.js';
import { within } from '../support/deadline.js';

const LOOPBACK = '127.0.0.1';
const LIMITS = { requestMs: 5_000, idleMs: 60_000, connections: 10, streams: 1 };

const ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function serve(page: Page, { limits = LIMITS, log = SILENT_LOGGER } = {}) {
  const server = new StatusServer({ address: LOOPBACK, port: 0 }, new Map([['/live', page]]), log, limits);
  const { port } = await server.start();
  ends.push(() => server.stop());
  return { server, port };
}

async function ask(port: number, method = 'GET'): Promise<Socket> {
  const socket = connect(port, LOOPBACK);
  ends.push(async () => void socket.destroy());
  await once(socket, 'connect');
  socket.write(`${method} /live?a=1&a=2#x HTTP/1.1\r\nHost: proxy.test\r\n\r\n`);
  return socket;
}

/** Parts until the client has gone; resolves `gone` then. */
function endless() {
  const ended = new EventEmitter();
  const gone = once(ended, 'end');
  let made = 0;
  const page: Page = ({ signal }) => ({
    status: 200,
    contentType: 'text/event-stream',
    headers: { 'x-part': 'yes' },
    body: (async function* () {
      try {
        while (!signal.aborted) {
          made += 1;
          yield `part ${made}\n`;
          await new Promise((resolve) => setImmediate(resolve));
        }
      } finally {
        ended.emit('end');
      }
    })(),
  });
  return { page, gone, made: () => made };
}

describe('a page that answers in parts', () => {
  it('is sent as the parts are made, with its own headers, and ends with them', async () => {
    const gate = new EventEmitter();
    const opened = once(gate, 'open');
    const { port } = await serve(() => ({
      status: 200,
      contentType: 'text/event-stream',
      headers: { 'x-part': 'yes' },
      body: (async function* () {
        yield 'first\n';
        await opened;
        yield Buffer.from('second\n');
      })(),
    }));
    const socket = await ask(port);
    let got = '';
    while (!got.includes('first')) {
      const [part] = await within('the first part', once(socket, 'data'));
      got += String(part);
    }
    expect(got).not.toContain('second');
    gate.emit('open');
    got += await within('the end', text(socket));
    expect(got).toMatch(/^HTTP\/1\.1 200 /);
    expect(got).toMatch(/\r\nx-part: yes\r\n/);
    expect(got).toMatch(/\r\ntransfer-encoding: chunked\r\n/i);
    expect(got).toMatch(/second\n\r\n0\r\n\r\n$/);
  });

  it('knows what was asked for, by whom and under which name', async () => {
    const { port } = await serve(({ query, host, remoteAddress }) => ({
      status: 200,
      contentType: 'text/plain',
      body: `${query.getAll('a').join()} ${host} ${remoteAddress}`,
    }));
    expect(await within('the answer', text(await ask(port)))).toMatch(/1,2 proxy\.test 127\.0\.0\.1$/);
  });

  it('is told when its client goes', async () => {
    const { page, gone } = endless();
    const { port } = await serve(page);
    const socket = await ask(port);
    await within('the first part', once(socket, 'data'));
    socket.destroy();
    await within('the end of the parts', gone);
  });

  it('makes no more than a client reads', async () => {
    const { page, made } = endless();
    const big: Page = (request) => {
      const answer = page(request) as { body: AsyncIterable<string> };
      return {
        status: 200,
        contentType: 'text/plain',
        body: (async function* () {
          for await (const part of answer.body) yield part.padEnd(100_000);
        })(),
      };
    };
    const { port } = await serve(big);
    const socket = await ask(port);
    socket.pause();
    const settled = async () => {
      let before = -1;
      while (before !== made()) {
        before = made();
        await delay(100);
      }
      return before;
    };
    // The kernel's buffers hold some megabytes at most.
    expect(await within('the parts to pause', settled())).toBeLessThan(200);
  });

  it('ends when the server stops', async () => {
    const { page, gone } = endless();
    const { port, server } = await serve(page);
    const socket = await ask(port);
    socket.on('error', () => undefined).resume();
    await within('the first part', once(socket, 'data'));
    await within('the stop', server.stop());
    await within('the end of the parts', gone);
  });

  it('is refused to one client too many, and served again once one has gone', async () => {
    const { page, gone } = endless();
    const { port } = await serve(page);
    const first = await ask(port);
    await within('the first part', once(first, 'data'));
    expect(await within('the refusal', text(await ask(port)))).toMatch(
      /^HTTP\/1\.1 503 .*1 clients are shown something live already/s,
    );
    first.destroy();
    await within('the end of the first', gone);
    const third = await ask(port);
    const [part] = await within('the first part of the third', once(third, 'data'));
    expect(String(part)).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('answers HEAD without a part', async () => {
    const { page, made } = endless();
    const { port } = await serve(page);
    expect(await within('the headers', text(await ask(port, 'HEAD')))).toMatch(
      /^HTTP\/1\.1 200 .*\r\n\r\n$/s,
    );
    expect(made()).toBe(0);
  });

  it('is cut short where a part fails, and that is told', async () => {
    const told: unknown[] = [];
    const log: Logger = {
      ...SILENT_LOGGER,
      error: (message, fields) => void told.push({ message, ...fields }),
    };
    const { port } = await serve(
      () => ({
        status: 200,
        contentType: 'text/plain',
        body: (async function* () {
          yield 'whole';
          throw new Error('no more');
        })(),
      }),
      { log },
    );
    const socket = await ask(port);
    socket.on('error', () => undefined);
    let got = '';
    socket.on('data', (part) => {
      got += String(part);
    });
    await within('the end of the connection', once(socket, 'close'));
    expect(got).not.toMatch(/0\r\n\r\n$/);
    expect(told).toEqual([
      { message: 'a status page failed', path: '/live?a=1&a=2#x', code: 'INTERNAL', error: 'no more' },
    ]);
  });
});
