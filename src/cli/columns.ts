/** Lines of cells below their heads, each column as wide as its widest cell; the first `left` begin, the others end, at one place. */
export function columns(heads: readonly string[], rows: readonly (readonly string[])[], left = 1): string {
  const all = [heads, ...rows];
  const widths = heads.map((_, n) => Math.max(...all.map((row) => row[n]!.length)));
  const cellOf = (cell: string, n: number) => (n < left ? cell.padEnd(widths[n]!) : cell.padStart(widths[n]!));
  return all.map((row) => `  ${row.map(cellOf).join('  ').trimEnd()}\n`).join('');
}
