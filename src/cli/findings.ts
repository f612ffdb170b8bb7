import { printable } from './printable.js';

/** What a look at one part of a run comes to. */
export interface Finding {
  part: string;
  state: 'good' | 'warning' | 'bad';
  text: string;
}

const marks = { good: '✓', warning: '!', bad: '✗' } as const;

/** A line each. */
export function printFindings(findings: readonly Finding[], out: NodeJS.WritableStream): void {
  for (const { part, state, text } of findings) out.write(`${marks[state]} ${part.padEnd(12)} ${printable(text)}\n`);
}
