import { relative } from 'node:path';
import type { PassedOver } from './media-files.js';

const firstNames = 3;

/** A line for each reason, with the first names. */
export function tellPassedOver(passedOver: PassedOver[], out: NodeJS.WritableStream): void {
  for (const { reason, names } of passedOver) {
    const shown = names.slice(0, firstNames).map((name) => relative(process.cwd(), name));
    const more = names.length > firstNames ? `, and ${names.length - firstNames} more` : '';
    out.write(`passed over ${names.length}: ${reason} (${shown.join(', ')}${more})\n`);
  }
}

/** For the end of a last line; empty when nothing was passed over. */
export function passedOverCount(passedOver: PassedOver[]): string {
  const count = passedOver.reduce((sum, { names }) => sum + names.length, 0);
  return count === 0 ? '' : `; ${count} passed over in folders`;
}
