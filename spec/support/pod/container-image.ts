import { execFile, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const PROGRAMS = ['debootstrap', 'buildah', 'crun'] as const;
const RELEASE = 'trixie';
const BASE = `docker.io/library/debian:${RELEASE}-slim`;
const IMAGE = 'localhost/kube-splice';
const MOST_OUTPUT_BYTES = 64 * 1024 * 1024;
/** Beside specs that measure time. */
const POLITELY = ['nice', '-n', '10'] as const;

/** Building asks Debian's mirror and npm's registry, and compiles, ms. */
export const BUILD_TIMEOUT_MS = 900_000;

/** What this host lacks to build and run an image, as the end of a describe block's name; empty where it lacks nothing. */
export function missingForImage(): string {
  const programs = PROGRAMS.filter(
    (name) => spawnSync('/bin/sh', ['-c', 'command -v "$0"', name]).status !== 0,
  );
  const missing = [...(process.getuid?.() === 0 ? [] : ['root']), ...programs];
  return missing.length === 0 ? '' : ` (SKIPPED: needs ${missing.join(', ')})`;
}

/** Of what buildah prints: the image's configuration, as the OCI image specification has it. */
interface InspectedImage {
  readonly OCIv1: { readonly config: { readonly Entrypoint: readonly string[] } };
}

/** What the Dockerfile makes, in a store of its own. */
export class ContainerImage {
  private constructor(
    private readonly directory: string,
    /** Its files, mounted: a container that writes there changes them for all. */
    readonly rootfs: string,
    readonly entrypoint: readonly string[],
  ) {}

  /** Builds it on a Debian that is made by debootstrap, with no other image asked for. `delete` is to be called. */
  static async build(): Promise<ContainerImage> {
    const directory = mkdtempSync(join(tmpdir(), 'kube-splice-image-'));
    try {
      await makeBase(directory);
      const how = ['--isolation', 'chroot', '--network', 'host', '--pull-never'];
      await buildah(directory, 'bud', '--quiet', ...how, '--tag', IMAGE, '.');
      const image = JSON.parse(
        await buildah(directory, 'inspect', '--type', 'image', IMAGE),
      ) as InspectedImage;
      const container = await buildah(directory, 'from', '--pull-never', IMAGE);
      const rootfs = await buildah(directory, 'mount', container);
      return new ContainerImage(directory, rootfs, image.OCIv1.config.Entrypoint);
    } catch (error) {
      await discard(directory);
      throw error;
    }
  }

  delete(): Promise<void> {
    return discard(this.directory);
  }
}

/** A mirror that only this host trusts is trusted within, too. */
async function makeBase(directory: string): Promise<void> {
  const base = join(directory, 'base');
  const packages = '--include=ca-certificates';
  await output([...POLITELY, 'debootstrap', '--variant=minbase', packages, RELEASE, base]);
  const container = await buildah(directory, 'from', 'scratch');
  await buildah(directory, 'add', '--quiet', container, base, '/');
  const authorities = process.env.NODE_EXTRA_CA_CERTS;
  if (authorities !== undefined) {
    const inside = '/usr/local/share/authorities.crt';
    await buildah(directory, 'add', '--quiet', container, authorities, inside);
    await buildah(directory, 'config', '--env', `NODE_EXTRA_CA_CERTS=${inside}`, container);
  }
  await buildah(directory, 'commit', '--quiet', '--rm', container, BASE);
  rmSync(base, { recursive: true, force: true });
}

async function discard(directory: string): Promise<void> {
  await buildah(directory, 'umount', '--all');
  await buildah(directory, 'rm', '--all');
  await buildah(directory, 'rmi', '--all', '--force');
  rmSync(directory, { recursive: true, force: true });
}

function buildah(directory: string, ...argv: readonly string[]): Promise<string> {
  const store = ['--root', join(directory, 'root'), '--runroot', join(directory, 'run')];
  return output([...POLITELY, 'buildah', ...store, '--storage-driver', 'overlay', ...argv]);
}

async function output([program = '', ...argv]: readonly string[]): Promise<string> {
  const { stdout } = await run(program, argv, { maxBuffer: MOST_OUTPUT_BYTES, timeout: BUILD_TIMEOUT_MS });
  return stdout.trim();
}
