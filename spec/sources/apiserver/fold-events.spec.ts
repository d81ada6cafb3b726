import { describe, expect, it } from 'vitest';
import { foldEvents } from '../../../src/sources/apiserver/fold-events.js';
import type { WatchEvent } from '../../../src/sources/apiserver/watch-event.js';

const event = (type: 'ADDED' | 'MODIFIED' | 'DELETED', resourceVersion: string): WatchEvent => ({
  type,
  resourceVersion,
  object: { metadata: { name: `o${resourceVersion}` } },
});
const bookmark = (resourceVersion: string): WatchEvent => ({ type: 'BOOKMARK', resourceVersion });
const EXPIRED: WatchEvent = { type: 'ERROR', status: { code: 410, reason: 'Expired', message: 'too old' } };

const nameOf = ({ object }: { object: Readonly<Record<string, unknown>> }) => object.metadata;

describe('the events of a watch together', () => {
  it('are their changes in order, up to the last resourceVersion', () => {
    const { changes, reached, fault } = foldEvents(
      [event('ADDED', '5'), event('DELETED', '7'), bookmark('9')],
      '4',
    );
    expect(changes.map((change) => [nameOf(change), change.deleted])).toEqual([
      [{ name: 'o5' }, false],
      [{ name: 'o7' }, true],
    ]);
    expect([reached, fault]).toEqual(['9', null]);
  });

  it('end with the first that is a fault, and keep what came before it', () => {
    const { changes, reached, fault } = foldEvents([event('ADDED', '5'), EXPIRED, event('ADDED', '6')], '4');
    expect(changes).toHaveLength(1);
    expect(reached).toBe('5');
    expect(fault).toMatchObject({ status: 410, reason: 'Expired' });
  });

  it.each([event('MODIFIED', '3'), bookmark('3')])(
    'are worth nothing from where the server has gone back: %j',
    (early) => {
      const { changes, reached, fault } = foldEvents([early, event('ADDED', '6')], '4');
      expect(changes).toEqual([]);
      expect(reached).toBe('4');
      expect(fault).toMatchObject({
        status: 410,
        message: 'the server has gone back from resourceVersion 4 to 3',
      });
    },
  );

  it('may repeat a resourceVersion', () => {
    expect(foldEvents([bookmark('4'), bookmark('4')], '4')).toEqual({
      changes: [],
      reached: '4',
      fault: null,
    });
  });
});
