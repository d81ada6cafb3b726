import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { chart } from './chart.js';
import { ratiosOf } from './ratios.js';
import { type Results, reportText } from './report.js';

/** Writes figures, table and chart into a directory, over those of the run before. Resolves to what is said about it. */
export async function saveResults({ out }: { readonly out: string }, results: Results): Promise<string> {
  const ratios = ratiosOf(results.measurements, results.memory);
  await mkdir(out, { recursive: true });
  await writeFile(join(out, 'latest.json'), `${JSON.stringify({ ...results, ratios }, null, 2)}\n`);
  await writeFile(join(out, 'latest.md'), `${reportText(results)}\n`);
  await writeFile(join(out, 'latest.svg'), chart(ratios));
  return `written: ${join(out, 'latest.json')}, latest.md and latest.svg`;
}
