/** Lines of cells, each column as wide as its widest cell; the first `left` begin, the others end, at one place. */
export function columns(rows: readonly (readonly string[])[], left: number): string {
  const widths = (rows[0] ?? []).map((_, n) => Math.max(...rows.map((row) => row[n]!.length)));
  const cellOf = (cell: string, n: number) => (n < left ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!));
  return rows.map((row) => `  ${row.map(cellOf).join('  ').trimEnd()}\n`).join('');
}
