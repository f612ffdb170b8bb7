import { printable } from './printable.js';

/** What a look at one part of a run comes to. */
export interface Finding {
  part: string;
  state: 'good' | 'warning' | 'bad';
  text: string;
}

const marks = { good: '✓', warning: '!', bad: '✗' } as const;

/** Prints the findings; true when none is bad. */
export function printFindings(findings: Finding[], json: boolean | undefined, out: NodeJS.WritableStream): boolean {
  for (const { part, state, text } of findings)
    out.write(
      json ? `${JSON.stringify({ part, state, text })}\n` : `${marks[state]} ${part.padEnd(12)} ${printable(text)}\n`,
    );
  return findings.every(({ state }) => state !== 'bad');
}
