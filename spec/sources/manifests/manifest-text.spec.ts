import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ManifestText } from '../../../src/sources/manifests/manifest-text.js';
import { serviceObject } from '../../support/kubernetes-objects.js';
import { timeSlice } from '../../support/time-slice.js';

const service = (name: string, spec = {}) => `---\n${stringify(serviceObject(spec, { name }))}`;
const WRONG = { ports: [{ port: 0 }] };

describe('ManifestText', () => {
  it('reads only the documents that were not in the text before', async () => {
    const file = new ManifestText();
    const first = await file.read(service('a') + service('b'), timeSlice());
    const second = await file.read(service('a') + service('c') + service('b'), timeSlice());
    expect(second.objects.map(({ id }) => id)).toEqual(
      ['a', 'c', 'b'].map((name) => `Service default/${name}`),
    );
    expect(second.objects[0]).toBe(first.objects[0]);
    expect(second.objects[2]).toBe(first.objects[1]);
  });

  it('tells the lines of the file, also of what was read before', async () => {
    const file = new ManifestText();
    const first = await file.read(service('a', WRONG), timeSlice());
    const second = await file.read(`# one\n# two\n${service('a', WRONG)}`, timeSlice());
    expect(first.problems).toHaveLength(1);
    expect(second.problems).toEqual(
      first.problems.map((problem) => ({ ...problem, line: Number(problem.line) + 2 })),
    );
  });

  it('remarks once', async () => {
    const file = new ManifestText();
    const headless = service('a', { clusterIP: 'None' });
    expect((await file.read(headless, timeSlice())).remarks).toHaveLength(1);
    expect((await file.read(headless + service('b'), timeSlice())).remarks).toEqual([]);
  });

  it('forgets what was not in the text before', async () => {
    const file = new ManifestText();
    const first = await file.read(service('a'), timeSlice());
    await file.read(service('b'), timeSlice());
    const third = await file.read(service('a'), timeSlice());
    expect(third.objects).toEqual(first.objects);
    expect(third.objects[0]).not.toBe(first.objects[0]);
  });
});
