import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { LogFields } from '../../src/host/log.js';
import { jsonLine, type LogEvent, textLine } from '../../src/host/log-line.js';

const TIME = new Date('2026-11-22T17:39:18.438Z');
const BREAKS_OUT = /[\p{Cc}\p{Zl}\p{Zp}]/u;

function event(message: string, fields: LogFields = {}): LogEvent {
  return { time: TIME, level: 'warn', message, fields };
}

const anyEvent = fc
  .tuple(
    fc.string({ unit: 'binary' }),
    fc.dictionary(
      fc.constantFrom('service', 'client', 'level', 'time'),
      fc.oneof(fc.string({ unit: 'binary' }), fc.integer(), fc.boolean(), fc.constant(null)),
    ),
  )
  .map(([message, fields]) => event(message, fields));

describe('textLine', () => {
  it('has the time, the level, the message and the fields', () => {
    const fields = { service: 'default/whoami:http', port: 80, open: true, endpoint: null, left: undefined };
    expect(textLine(event('portal opened', fields))).toBe(
      '2026-11-22T17:39:18.438Z WARN  portal opened service=default/whoami:http port=80 open=true endpoint=null',
    );
    expect(textLine({ ...event('x'), level: 'error' })).toBe('2026-11-22T17:39:18.438Z ERROR x');
  });

  it('has no space behind its message where there are no fields', () => {
    expect(textLine(event('ready'))).toBe('2026-11-22T17:39:18.438Z WARN  ready');
  });

  it('quotes values that are more than one word', () => {
    const fields = { a: 'two words', b: '', c: 'x=y', d: 'say "hi"', e: '[::1]:80' };
    expect(textLine(event('m', fields))).toMatch(
      / a="two words" b="" c="x=y" d="say \\"hi\\"" e=\[::1\]:80$/,
    );
  });

  it('cannot be forged by a name that holds a line of its own', () => {
    const name = 'x\n2026-01-01T00:00:00.000Z ERROR all is lost';
    expect(textLine(event(name, { name, escape: '\u001b]0;title\u0007' }))).toBe(
      '2026-11-22T17:39:18.438Z WARN  x\\n2026-01-01T00:00:00.000Z ERROR all is lost' +
        ' name="x\\n2026-01-01T00:00:00.000Z ERROR all is lost" escape="\\u001b]0;title\\u0007"',
    );
  });

  it('is one line without control characters, whatever is in it', () => {
    fc.assert(
      fc.property(anyEvent, (any) => {
        expect(BREAKS_OUT.test(textLine(any))).toBe(false);
      }),
    );
  });
});

describe('jsonLine', () => {
  it('is an object of time, level, message and fields', () => {
    expect(JSON.parse(jsonLine(event('portal opened', { port: 80, left: undefined })))).toEqual({
      time: '2026-11-22T17:39:18.438Z',
      level: 'warn',
      message: 'portal opened',
      fields: { port: 80 },
    });
    expect(JSON.parse(jsonLine(event('ready')))).toHaveProperty('fields', {});
  });

  it('holds what it was given, in one line without control characters', () => {
    fc.assert(
      fc.property(anyEvent, (any) => {
        const line = jsonLine(any);
        expect(BREAKS_OUT.test(line)).toBe(false);
        expect(JSON.parse(line)).toEqual({
          time: TIME.toISOString(),
          level: 'warn',
          message: any.message,
          fields: { ...any.fields },
        });
      }),
    );
  });
});
