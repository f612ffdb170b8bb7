import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { reportError } from '../../src/cli/exit.js';
import { printableStream } from '../../src/cli/printable.js';
import { VimiError } from '../../src/core/errors.js';

const hostile = '\u001b]0;owned\u0007\u009b2J\r\u0000';

/** A terminal that only listens. */
function terminal() {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return { stream, shown: () => text };
}

describe('what strangers wrote moves no terminal', () => {
  it('where a command prints it', async () => {
    const { stream, shown } = terminal();
    const out = printableStream(stream);
    await new Promise<void>((done) => out.write(`caption\t${hostile}\n`, () => done()));
    expect(shown()).toBe('caption\t\\u001b]0;owned\\u0007\\u009b2J\\r\\u0000\n');
  });

  it('where an error tells of it, in its message, its remedy and its stack', () => {
    const { stream, shown } = terminal();
    reportError(new VimiError('MEDIA_NOT_FOUND', 'It is not there', { where: hostile, remedy: hostile }), stream);
    reportError(new Error(hostile), stream);
    expect(shown().match(/owned/g)!.length).toBeGreaterThan(3);
    expect(shown()).not.toMatch(/[^\P{Cc}\n]/u);
  });
});
