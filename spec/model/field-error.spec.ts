import { describe, expect, it } from 'vitest';
import { fieldPathText } from '../../src/model/field-error.js';

describe('fieldPathText', () => {
  it.each([
    [['spec', 'ports', 0, 'port'], 'spec.ports[0].port'],
    [['items', 12, 'metadata'], 'items[12].metadata'],
    [['metadata', 'labels', 'kubernetes.io/service-name'], 'metadata.labels["kubernetes.io/service-name"]'],
    [['a\nb'], '["a\\nb"]'],
    [[], ''],
  ])('writes %j as Kubernetes does', (path, text) => {
    expect(fieldPathText(path)).toBe(text);
  });
});
