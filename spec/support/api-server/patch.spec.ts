import { describe, expect, it } from 'vitest';
import { patched } from './patch.js';
import { ApiFailure } from './status.js';

const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

const SERVICE = {
  metadata: { name: 'web', labels: { app: 'web', tier: 'front' } },
  spec: {
    ports: [
      { name: 'http', port: 80 },
      { name: 'https', port: 443 },
    ],
  },
};

describe('a patch', () => {
  it('merges objects and replaces lists (RFC 7386)', () => {
    const patch = { metadata: { labels: { tier: null, new: 'yes' } }, spec: { ports: [{ port: 1 }] } };
    expect(patched(SERVICE, patch, MERGE)).toEqual({
      metadata: { name: 'web', labels: { app: 'web', new: 'yes' } },
      spec: { ports: [{ port: 1 }] },
    });
  });

  it('merges the ports of a Service by their number where it is strategic', () => {
    const ports = [
      { port: 80, $patch: 'delete' },
      { port: 443, name: 'tls' },
      { port: 53, name: 'dns' },
    ];
    const patch = { spec: { ports, '$setElementOrder/ports': [{ port: 443 }, { port: 53 }] } };
    expect(patched(SERVICE, patch, STRATEGIC).spec).toEqual({
      ports: [
        { name: 'tls', port: 443 },
        { name: 'dns', port: 53 },
      ],
    });
    const replacing = { spec: { ports: [{ $patch: 'replace' }, { port: 1 }] } };
    expect(patched(SERVICE, replacing, STRATEGIC).spec).toEqual({ ports: [{ port: 1 }] });
  });

  it('goes through its operations (RFC 6902)', () => {
    const patch = [
      { op: 'test', path: '/spec/ports/0/port', value: 80 },
      { op: 'replace', path: '/spec/ports/0/port', value: 8080 },
      { op: 'remove', path: '/spec/ports/1' },
      { op: 'add', path: '/spec/ports/-', value: { port: 53 } },
      { op: 'add', path: '/metadata/labels/example.com~1a', value: 'b' },
    ];
    expect(patched(SERVICE, patch, JSON_PATCH)).toEqual({
      metadata: { name: 'web', labels: { app: 'web', tier: 'front', 'example.com/a': 'b' } },
      spec: { ports: [{ name: 'http', port: 8080 }, { port: 53 }] },
    });
    expect(SERVICE.spec.ports).toHaveLength(2);
  });

  it('is refused where it does not apply, or is of a kind that is not known here', () => {
    const missing = [{ op: 'remove', path: '/spec/nothing' }];
    const untrue = [{ op: 'test', path: '/metadata/name', value: 'api' }];
    for (const patch of [missing, untrue, {}])
      expect(() => patched(SERVICE, patch, JSON_PATCH)).toThrow(ApiFailure);
    expect(() => patched(SERVICE, {}, 'application/apply-patch+yaml')).toThrow(ApiFailure);
  });
});
