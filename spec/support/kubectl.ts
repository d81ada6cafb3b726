import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import type { PlainObject } from './kubernetes-objects.js';
import { temporaryDirectory } from './temporary-directory.js';

const run = promisify(execFile);

/** Starting it takes a while on a busy machine, ms. */
const DEADLINE_MS = 15_000;

export function isKubectlInstalled(): boolean {
  return spawnSync('kubectl', ['version', '--client']).status === 0;
}

/** The real kubectl, with the configuration of one file and nothing of this user's. */
export class Kubectl {
  readonly #flags: readonly string[];

  constructor(kubeconfig: string) {
    this.#flags = ['--kubeconfig', kubeconfig, '--cache-dir', temporaryDirectory()];
  }

  /** What it prints. Rejects where it fails, with what it complains of. */
  async run(...argv: readonly string[]): Promise<string> {
    return (await run('kubectl', [...this.#flags, ...argv], { timeout: DEADLINE_MS })).stdout;
  }

  /** `kubectl create` of these objects. */
  async create(...objects: readonly PlainObject[]): Promise<string> {
    // The server of the specs has no schema to validate with, which kubectl before 1.27 would ask for.
    const argv = [...this.#flags, 'create', '--validate=false', '-f', '-'];
    const running = run('kubectl', argv, { timeout: DEADLINE_MS });
    running.child.stdin?.end(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    return (await running).stdout;
  }
}
