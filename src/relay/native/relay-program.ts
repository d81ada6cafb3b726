import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';

/** The root of the package: this file is two folders below `src/` or `dist/`. */
const PACKAGE_ROOT = join(import.meta.dirname, '..', '..', '..');
const PROGRAM = 'kube-splice-relay';

/** A place where the program of the native relay may be. */
export interface RelayProgram {
  readonly path: string;
  /** Relative to the package. */
  readonly shown: string;
}

/** Where it is looked for, in this order: what was built here, then what the package brought along. */
export function relayPrograms(
  arch: string = process.arch,
  root: string = PACKAGE_ROOT,
): readonly RelayProgram[] {
  return [join('native', 'build', PROGRAM), join('native', 'prebuilt', `linux-${arch}`, PROGRAM)].map(
    (shown) => ({
      path: join(root, shown),
      shown,
    }),
  );
}

/** True where this user may run it. */
export function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
