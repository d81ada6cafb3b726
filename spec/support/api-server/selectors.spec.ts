import { describe, expect, it } from 'vitest';
import { fieldSelector, labelSelector } from './selectors.js';
import { ApiFailure } from './status.js';

const OBJECTS = [
  { name: 'plain', namespace: 'default', labels: {} },
  { name: 'web', namespace: 'default', labels: { app: 'web' } },
  { name: 'headless', namespace: 'other', labels: { app: 'web', 'service.kubernetes.io/headless': '' } },
  { name: 'api', namespace: 'other', labels: { app: 'api' } },
];

describe('a label selector', () => {
  it.each([
    ['', 'plain web headless api'],
    ['app', 'web headless api'],
    ['!app', 'plain'],
    ['app=web', 'web headless'],
    ['app == web', 'web headless'],
    ['app!=web', 'plain api'],
    ['service.kubernetes.io/headless=', 'headless'],
    ['!service.kubernetes.io/headless,!service.kubernetes.io/service-proxy-name', 'plain web api'],
    ['app, !service.kubernetes.io/headless', 'web api'],
    ['app=constructor,constructor', ''],
  ])('%s selects %s', (text, expected) => {
    const selected = OBJECTS.filter(labelSelector(text)).map(({ name }) => name);
    expect(selected.join(' ')).toBe(expected);
  });

  it('is refused where it is none that is known here', () => {
    for (const text of ['app in (web)', '!', 'a=b=c', '=web'])
      expect(() => labelSelector(text), text).toThrow(ApiFailure);
  });
});

describe('a field selector', () => {
  it('selects by name and namespace, and by nothing else', () => {
    const selected = (text: string): string[] => OBJECTS.filter(fieldSelector(text)).map(({ name }) => name);
    expect(selected('metadata.name=web')).toEqual(['web']);
    expect(selected('metadata.namespace!=default,metadata.name!=api')).toEqual(['headless']);
    expect(() => fieldSelector('spec.type=ClusterIP')).toThrow(ApiFailure);
  });
});
