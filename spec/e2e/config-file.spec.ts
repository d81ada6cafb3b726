import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Program, RunningProgram, serviceManifest, writeManifest } from '../support/program.js';
import { greetingOf } from '../support/started-proxier.js';
import { greet, TcpEndpoint } from '../support/tcp-endpoint.js';
import { temporaryDirectory } from '../support/temporary-directory.js';

/** A loopback address that no other spec uses: every port of it is free. */
const ADDRESS = '127.0.95.3';

describe('kube-splice --config', () => {
  it('runs as the file says, which it can write itself', async () => {
    const endpoint = await TcpEndpoint.listen(greet('from the file'));
    const directory = temporaryDirectory();
    const manifest = writeManifest(
      join(directory, 'services.yaml'),
      serviceManifest('web', [endpoint.endpoint]),
    );
    const config = join(directory, 'kube-splice.yaml');
    const writing = Program.start(['--manifests', manifest, '-v', '2', '--write-config-to', config]);
    expect(await writing.ended()).toBe(0);
    const proxy = await RunningProgram.start(ADDRESS, ['--config', config]);
    const port = await proxy.portOf('default/web:main');
    expect(await greetingOf(port, ADDRESS)).toBe('from the file');
    expect(proxy.program.stderr).toContain('portal opened');
  });

  it('does not start where a line is wrong, and says which', async () => {
    const config = join(temporaryDirectory(), 'kube-splice.yaml');
    writeFileSync(
      config,
      'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nudpIdleTimeout: soon\n',
    );
    const program = Program.start(['--config', config, '--manifests', '/nowhere']);
    expect(await program.ended()).toBe(2);
    expect(program.stderr).toContain(`${config}:3: udpIdleTimeout: "soon" is not a duration`);
    expect(program.stderr).toContain('(CONFIG_INVALID)');
  });
});
