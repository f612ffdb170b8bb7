import { Writable } from 'node:stream';

/** What a command prints, as text. */
export function printed(): Writable & { readonly text: string } {
  let text = '';
  const out = new Writable({
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return Object.defineProperty(out, 'text', { get: () => text }) as Writable & { readonly text: string };
}
