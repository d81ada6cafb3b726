/** Spaces between two columns, as kubectl has them. */
const GAP = '   ';

/** Rows of cells as lines: every column as wide as its widest cell, nothing after the last cell of a line. */
export function textColumns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  );
}
