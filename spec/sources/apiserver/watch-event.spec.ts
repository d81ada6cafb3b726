import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isEarlier, parseWatchEvent } from '../../../src/sources/apiserver/watch-event.js';

const FIXTURES = new URL('../../fixtures/kube-apiserver-1.26/', import.meta.url);

function recorded(name: string): string[] {
  const text = readFileSync(new URL(name, FIXTURES), 'utf8');
  return text.split('\n').filter((line) => line.startsWith('{'));
}

describe('an event of a watch', () => {
  it('is read as a real server sends it', () => {
    const events = recorded('services.watch.jsonl').map(parseWatchEvent);
    const types = new Set(events.map(({ type }) => type));
    expect(events.length).toBeGreaterThan(0);
    expect([...types].every((type) => ['ADDED', 'MODIFIED', 'DELETED', 'BOOKMARK'].includes(type))).toBe(
      true,
    );
    for (const event of events) if (event.type !== 'ERROR') expect(event.resourceVersion).toMatch(/^\d+$/);
    expect(types).toContain('BOOKMARK');
  });

  it('says that the resourceVersion is too old as a real server does', () => {
    const [line = ''] = recorded('err.410.watch.jsonl');
    expect(parseWatchEvent(line)).toMatchObject({ type: 'ERROR', status: { code: 410, reason: 'Expired' } });
  });

  it.each([
    ['no JSON', '<html>'],
    ['half a document', '{"type":"ADDED","object":{"metadata":{"resourceVersion":"1"}'],
    ['no mapping', '7'],
    ['no object', '{"type":"ADDED"}'],
    ['no resourceVersion', '{"type":"ADDED","object":{"metadata":{}}}'],
    ['a type that there is not', '{"type":"MOVED","object":{"metadata":{"resourceVersion":"1"}}}'],
  ])('is refused where it is %s', (_, line) => {
    expect(() => parseWatchEvent(line)).toThrowError(
      expect.objectContaining({
        code: 'APISERVER_MALFORMED',
        message: `a line of a watch is no event: ${line}`,
      }),
    );
  });

  it('is shown in short and on one line where it is refused', () => {
    expect(() => parseWatchEvent(`\u001b[2J${'a'.repeat(500)}`)).toThrowError(
      `a line of a watch is no event: \\u001b[2J${'a'.repeat(76)}…`,
    );
  });
});

describe('a resourceVersion', () => {
  it.each([
    ['9', '10', true],
    ['10', '9', false],
    ['10', '10', false],
    ['18446744073709551614', '18446744073709551615', true],
    ['abc', '10', false],
    ['9', '', false],
  ])('%j is earlier than %j: %j', (one, other, earlier) => {
    expect(isEarlier(one, other)).toBe(earlier);
  });
});
