import { KubeSpliceError } from '../../../model/errors.js';
import { fileFault, type ReadFile } from '../../file-fault.js';
import { certificatesIn, type PemText } from './pem.js';

/**
 * The certificates of the authorities, each a PEM block.
 *
 * @throws KubeSpliceError `KUBECONFIG_INVALID`.
 */
export async function readAuthorities(source: PemText, readFile: ReadFile): Promise<readonly string[]> {
  const certificates = certificatesIn(await textOf(source, readFile));
  if (certificates.length === 0) throw invalid(`${source.place} holds no certificate in PEM form`);
  return certificates;
}

async function textOf(source: PemText, readFile: ReadFile): Promise<string> {
  if ('text' in source) return source.text;
  try {
    return (await readFile(source.path)).toString('latin1');
  } catch (cause) {
    throw invalid(`${source.place} ${fileFault(cause)}`, cause);
  }
}

function invalid(message: string, cause?: unknown): KubeSpliceError {
  return new KubeSpliceError('KUBECONFIG_INVALID', message, { cause });
}
