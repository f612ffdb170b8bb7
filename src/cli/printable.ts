import { Writable } from 'node:stream';
import { printable as withoutCommands } from '../core/printable.js';

/**
 * A text without the characters that a terminal would obey: prompts, captions and names come from strangers. New lines
 * and tabs stay. In JSON the same value is meant.
 */
export function printable(text: string): string {
  return withoutCommands(text, '\n\t');
}

/** A stream of text into another, made printable. Its failures are the other's, which tells of them. */
export function printableStream(to: NodeJS.WritableStream): Writable {
  return new Writable({
    decodeStrings: false,
    write: (chunk, _encoding, done) => void to.write(printable(String(chunk)), () => done()),
  });
}
