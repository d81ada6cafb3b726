import { describe, expect, it } from 'vitest';
import { Program } from '../support/program.js';

describe('kube-splice demo', () => {
  it('--once shows TCP and UDP in exact rotation, and exits 0', async () => {
    const { exitCode, stdout, stderr } = await Program.run('demo', '--once', '--healthz-port', '0');
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatch(/whoami-1 3 +whoami-2 3 +whoami-3 3/);
    expect(stdout).toMatch(/echo-1 3 +echo-2 3 +echo-3 3/);
    expect(stdout).toMatch(/demo: ok\n$/);
  });

  it('goes on until Ctrl-C, and exits 0', async () => {
    const program = Program.start(['demo', '--healthz-port', '0']);
    const url = await program.prints(/curl (http:\S+)/);
    expect(await (await fetch(url[1] ?? '')).text()).toMatch(/^viola from whoami-[123]\n$/);
    program.signal('SIGINT');
    expect(await program.ended()).toBe(0);
  });
});
