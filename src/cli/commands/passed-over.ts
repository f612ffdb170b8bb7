import type { BrokenSource } from '../../app/ingest/offered-by.js';
import type { PassedOverReason } from '../../app/ingest/passed-over.js';

import { nameOf } from './ingest-report.js';

const firstNames = 3;

/** A line for each reason, with the first names. */
export function tellPassedOver(passedOver: PassedOverReason[], out: NodeJS.WritableStream): void {
  for (const { reason, count, names } of passedOver) {
    const shown = names.slice(0, firstNames).map((name) => nameOf(name));
    const more = count > firstNames ? `, and ${count - firstNames} more` : '';
    out.write(`skipped ${count}: ${reason} (${shown.join(', ')}${more})\n`);
  }
}

/** For the end of a last line; empty when nothing was passed over. */
export function passedOverCount(passedOver: PassedOverReason[]): string {
  const count = passedOver.reduce((sum, one) => sum + one.count, 0);
  return count === 0 ? '' : `; ${count} skipped`;
}

/** Sources that could not be read to their end, each with what to do. */
export function tellBroken(broken: readonly BrokenSource[], out: NodeJS.WritableStream): void {
  for (const { name, error } of broken)
    out.write(`not read to its end: ${nameOf(name)}\n    ${error.code}: ${error.message}\n    → ${error.remedy}\n`);
}

/** The same for --json. */
export function brokenFacts({ name, error: { code, message, remedy } }: BrokenSource) {
  return { source: name, code, message, remedy };
}
