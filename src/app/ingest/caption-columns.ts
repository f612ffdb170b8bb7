/** Columns of a table, in whichever stands what a medium shows; the first of them that has a text counts. */
export const captionColumns = ['caption', 'text', 'prompt', 'description'];

/** The caption of a row; of a list of texts the first. */
export function captionIn(cell: (column: string) => unknown): string | undefined {
  return captionColumns.flatMap(cell).find(isText);
}

export function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}
