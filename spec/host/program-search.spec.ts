import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { programSearch } from '../../src/host/program-search.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A search on a host that has these files and no others. */
function searchAmong(path: string | undefined, ...files: readonly string[]) {
  return programSearch(path, (file) => files.includes(file));
}

describe('the search for a program', () => {
  it('takes the first directory of PATH that has it', () => {
    const find = searchAmong('/opt/a:/opt/b', '/opt/b/iptables', '/sbin/iptables');
    expect(find('iptables')).toBe('/opt/b/iptables');
    expect(searchAmong('/opt/b:/opt/a', '/opt/a/nft', '/opt/b/nft')('nft')).toBe('/opt/b/nft');
  });

  it.each(['/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/local/bin', '/usr/bin', '/bin'])(
    'looks in %s where PATH leaves that out',
    (directory) => {
      const file = `${directory}/iptables-save`;
      for (const path of ['/opt/bin', '', ':', undefined])
        expect(searchAmong(path, file)('iptables-save')).toBe(file);
    },
  );

  it('finds nothing where there is none', () => {
    expect(searchAmong('/usr/bin', '/usr/bin/iptables')('ip6tables')).toBeNull();
    expect(programSearch(process.env.PATH)('kube-splice-no-such-program')).toBeNull();
  });

  it('never looks in the working directory, as an empty part of PATH would have a shell do', () => {
    const find = searchAmong(':/opt/bin::', 'iptables', './iptables', '/opt/bin/iptables');
    expect(find('iptables')).toBe('/opt/bin/iptables');
  });

  it('finds the shell of this host, with and without PATH', () => {
    expect(programSearch('/bin')('sh')).toBe('/bin/sh');
    expect(programSearch(undefined)('sh')).toMatch(/\/bin\/sh$/);
  });

  it('passes over what may not be run, and over directories; a link is what it leads to', () => {
    const [first, second, third] = [temporaryDirectory(), temporaryDirectory(), temporaryDirectory()];
    writeFileSync(join(first, 'tool'), '', { mode: 0o644 });
    mkdirSync(join(second, 'tool'));
    writeFileSync(join(third, 'real'), '');
    chmodSync(join(third, 'real'), 0o755);
    symlinkSync('real', join(third, 'tool'));
    symlinkSync('nowhere', join(second, 'dangling'));
    const find = programSearch([first, second, third].join(':'));
    expect(find('tool')).toBe(join(third, 'tool'));
    expect(find('dangling')).toBeNull();
  });
});
