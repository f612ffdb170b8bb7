import { readStartSync } from '../../core/bounded-file.js';

/** As long as a secret in a topology may be, and the end of its line. */
const mostBytes = 4096 + 2;

export type SecretFile = { text: string } | { reason: string };

/**
 * The one line of a file such as Docker, Kubernetes and systemd put secrets into; the end of the line does not count.
 * What is wrong is said by the file's name, and never by what it holds.
 */
export function readSecretFile(path: string): SecretFile {
  const wrong = (what: string): SecretFile => ({ reason: `the file ${path} ${what}` });
  let bytes: Buffer;
  try {
    const start = readStartSync(path, mostBytes);
    if (!start.isFile) return wrong('is no file');
    bytes = start.bytes;
  } catch (thrown) {
    const { code } = thrown as { code?: string };
    if (code === 'EISDIR') return wrong('is no file');
    return wrong(code === 'ENOENT' ? 'is not there' : `cannot be read: ${code}`);
  }
  if (bytes.length > mostBytes) return wrong(`is too large for a secret: expected at most ${mostBytes - 2} bytes`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes).replace(/\r?\n$/, '');
  } catch {
    return wrong('is not text in UTF-8');
  }
  if (text === '') return wrong('is empty');
  return /\p{Cc}/u.test(text) ? wrong('holds more than one line of text') : { text };
}
