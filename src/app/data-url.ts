import { VimiError } from '../core/errors.js';

/** The bytes of `data:image/png;base64,...`: what it says of its type does not count. MEDIA_DAMAGED. */
export function bytesOfDataUrl(url: string, where: string): Buffer {
  const comma = url.indexOf(',');
  const [head, text] = [url.slice(0, comma), url.slice(comma + 1)];
  if (comma < 0 || comma > 200 || !/^data:[\w.+/-]*(;[\w=.+-]+)*;base64$/i.test(head) || !isBase64(text))
    throw new VimiError('MEDIA_DAMAGED', 'This is no data URL', {
      expected: 'data:image/png;base64,... with base64 after the comma',
      where,
    });
  return Buffer.from(text, 'base64');
}

/** Of no other letters, and whole. */
function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}
