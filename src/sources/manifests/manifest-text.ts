import { merged, readObjects } from './manifest-document.js';
import type { Findings } from './manifest-object.js';
import { type DocumentText, splitDocuments } from './split-documents.js';
import type { TimeSlice } from './time-slice.js';

/**
 * Reads one text after the other of the same file. Documents that were in the one before are not read again: a change
 * to one Service among thousands is in force as soon as that of a small file.
 */
export class ManifestText {
  #known: ReadonlyMap<string, Findings> = new Map();

  /**
   * All that is in this text. Remarks are made about what was not in the one before.
   *
   * @throws AbortError where the work is not wanted any more.
   */
  async read(text: string, slice: TimeSlice): Promise<Findings> {
    const known = new Map<string, Findings>();
    const found: Findings[] = [];
    for (const document of splitDocuments(text)) {
      const before = this.#known.get(document.text);
      const findings = before ?? (await readObjects(document.text, slice));
      known.set(document.text, findings);
      found.push(inFile(document, before === undefined ? findings : { ...findings, remarks: [] }));
      if (slice.over) await slice.pass();
    }
    this.#known = known;
    return merged(found);
  }
}

function inFile({ linesBefore }: DocumentText, findings: Findings): Findings {
  const problems = findings.problems.map((problem) => ({
    ...problem,
    line: problem.line === null ? null : problem.line + linesBefore,
  }));
  return { ...findings, problems };
}
