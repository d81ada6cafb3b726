import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { listManifests } from '../../../src/sources/manifests/list-manifests.js';
import { temporaryDirectory } from '../../support/temporary-directory.js';

async function namesIn(directory: string): Promise<string[]> {
  const listing = await listManifests(directory);
  if (listing.state !== 'listed') expect.fail(`not listed: ${listing.problem.text}`);
  return listing.paths.map((path) => basename(path));
}

describe('listManifests', () => {
  it('takes a file by whatever name, and watches the directory it is in for that name', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'services.txt');
    writeFileSync(path, '');
    expect(await listManifests(path)).toEqual({
      state: 'listed',
      paths: [path],
      watched: new Map([[directory, new Set(['services.txt'])]]),
    });
  });

  it('takes of a directory the manifests, in the order of their names, and watches all of it', async () => {
    const directory = temporaryDirectory();
    for (const name of ['b.yml', 'a.yaml', 'c.json', 'D.YAML']) writeFileSync(join(directory, name), '');
    expect(await namesIn(directory)).toEqual(['D.YAML', 'a.yaml', 'b.yml', 'c.json']);
    const { watched } = await listManifests(directory);
    expect(watched.get(directory)).toBe('all');
    expect(watched.get(dirname(directory))).toEqual(new Set([basename(directory)]));
  });

  it.each(['.a.yaml', '.a.yaml.swp', 'a.yaml~', '#a.yaml#', 'a.yaml.bak', 'README.md', '4913', 'yaml'])(
    'leaves out %s, which is hidden, a copy, or no manifest',
    async (name) => {
      const directory = temporaryDirectory();
      writeFileSync(join(directory, name), '');
      expect(await namesIn(directory)).toEqual([]);
    },
  );

  it('does not look into directories inside of a directory', async () => {
    const directory = temporaryDirectory();
    mkdirSync(join(directory, 'more'));
    writeFileSync(join(directory, 'more', 'a.yaml'), '');
    expect(await namesIn(directory)).toEqual([]);
  });

  it('watches where links lead', async () => {
    const [directory, elsewhere] = [temporaryDirectory(), temporaryDirectory()];
    writeFileSync(join(elsewhere, 'real.yaml'), '');
    symlinkSync(join(elsewhere, 'real.yaml'), join(directory, 'a.yaml'));
    symlinkSync(join(elsewhere, 'gone.yaml'), join(directory, 'b.yaml'));
    expect(await namesIn(directory)).toEqual(['a.yaml', 'b.yaml']);
    expect((await listManifests(directory)).watched.get(elsewhere)).toEqual(new Set(['real.yaml']));
    expect((await listManifests(join(directory, 'a.yaml'))).watched.get(elsewhere)).toEqual(
      new Set(['real.yaml']),
    );
  });

  it('watches for a path that is not there', async () => {
    const directory = temporaryDirectory();
    const listing = await listManifests(join(directory, 'services'));
    expect(listing).toMatchObject({ state: 'absent', problem: { code: 'MANIFEST_UNREADABLE' } });
    expect(listing.watched).toEqual(new Map([[directory, new Set(['services'])]]));
  });
});
