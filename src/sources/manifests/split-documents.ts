/** A piece of a manifest that can be read by itself. */
export interface DocumentText {
  readonly text: string;
  /** The lines of the file before it. */
  readonly linesBefore: number;
}

/** A line that is `---`, or begins with it and a space: whatever it stands in, a new document begins there. */
const DOCUMENT_START = /^---(?=[ \t\r\n]|$)/gm;

/** A line of a YAML directive, which is about the document after it. */
const DIRECTIVE = /^%/m;

/**
 * Cuts a file at its document markers, so that of a file that changed only the documents that changed are read anew.
 * YAML 1.2 (section 9.1.2) lets a marker at the beginning of a line stand nowhere else, not even in a block scalar.
 * A file with directives is left whole: they would be parted from their documents.
 */
export function splitDocuments(text: string): DocumentText[] {
  if (DIRECTIVE.test(text)) return [{ text, linesBefore: 0 }];
  const starts = [...text.matchAll(DOCUMENT_START)].map(({ index }) => index).filter((index) => index > 0);
  let linesBefore = 0;
  return [0, ...starts].map((start, index) => {
    const document = { text: text.slice(start, starts[index]), linesBefore };
    linesBefore += countNewlines(document.text);
    return document;
  });
}

function countNewlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}
