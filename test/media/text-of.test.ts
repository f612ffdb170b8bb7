import { describe, expect, it } from 'vitest';
import { checkText, textOf } from '../../src/media/text-of.js';
import { thrownBy } from '../operators/run-operator.js';

const bigEndian = (text: string) => Buffer.from(text, 'utf16le').swap16();

describe('the text that bytes are', () => {
  it.each([
    ['UTF-8', Buffer.from('ein Füchslein 🦊'), 'ein Füchslein 🦊'],
    ['UTF-8 with a byte order mark', Buffer.from('\ufeffa fox'), 'a fox'],
    ['UTF-16 with a byte order mark', Buffer.from('\ufeffa fox', 'utf16le'), 'a fox'],
    ['UTF-16 of the other order, with a byte order mark', bigEndian('\ufeffa fox'), 'a fox'],
    ['UTF-16 without', Buffer.from('a fox in utf-16 without bom', 'utf-16le'), 'a fox in utf-16 without bom'],
    ['UTF-16 of the other order, without', bigEndian('a fox, and more'), 'a fox, and more'],
    ['UTF-16 of Russian, without', Buffer.from('лиса бежит по снегу', 'utf16le'), 'лиса бежит по снегу'],
    ['UTF-16 of Greek and ASCII, without', Buffer.from('η αλεπού (fox)', 'utf16le'), 'η αλεπού (fox)'],
    ['nothing', Buffer.alloc(0), ''],
    ['several lines', Buffer.from('a fox\r\nruns\n'), 'a fox\r\nruns\n'],
  ])('[media F27] %s', (_, bytes, text) => {
    expect(textOf(bytes, 'fox.txt')).toBe(text);
  });

  it.each([
    ['cp1252', Buffer.from('caf\xe9 in Z\xfcrich', 'latin1'), 'another encoding'],
    ['GBK', Buffer.from('d2bbd6bbbafcc0ea', 'hex'), 'another encoding'],
    ['Shift-JIS', Buffer.from('8cccaa9182', 'hex'), 'another encoding'],
    ['half a surrogate pair in UTF-16', Buffer.from('fffe3dd86100', 'hex'), 'another encoding'],
    ['a caption with NUL', Buffer.from('a fox\0 runs'), 'U+0000'],
    ['one of an even number of bytes', Buffer.from('a fox\0runs'), 'U+0000'],
    ['an escape sequence', Buffer.from('a \x1b[31mred\x1b[0m fox'), 'U+001B'],
    ['an image', Buffer.from('89504e470d0a1a0a0000000d', 'hex'), 'another encoding'],
  ])('[media F27] [media F28] %s is refused with a code of its own', async (_, bytes, found) => {
    const error = await thrownBy(async () => textOf(bytes, 'fox.txt'));
    expect([error.code, error.where]).toEqual(['CAPTION_UNREADABLE', 'fox.txt']);
    expect(error.found).toContain(found);
  });

  it('[media F28] half a surrogate pair in a text', async () => {
    expect((await thrownBy(async () => checkText('a \ud83d fox', 'x'))).code).toBe('CAPTION_UNREADABLE');
    expect(() => checkText('a 🦊\tfox', 'x')).not.toThrow();
  });
});
