import { writeFileSync } from 'node:fs';
import { KubeSpliceError } from '../model/errors.js';
import { quoted } from '../model/printable.js';

/** For whoever runs it, and nobody else: it may name where secrets are. */
const MODE = 0o600;

/** @throws KubeSpliceError `CONFIG_UNWRITABLE` with the words of the system. */
export function writeConfig(path: string, text: string): void {
  try {
    writeFileSync(path, text, { mode: MODE });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KubeSpliceError(
      'CONFIG_UNWRITABLE',
      `--write-config-to: ${quoted(path)} can't be written: ${why}`,
      {
        cause,
      },
    );
  }
}
