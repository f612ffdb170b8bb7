import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { probeMedia } from '../../src/media/probe-media.js';
import { textsOfImage, textsOfTags } from '../../src/media/written-texts.js';
import { never } from './make-media.js';
import { h264, make } from './recipes.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-texts-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const limits = { maxPixels: 1e6, signal: never };
const plain = () => sharp({ create: { width: 16, height: 16, channels: 3, background: '#3366cc' } });

const packet = (inner: string) =>
  `<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">${inner}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>`;
const inLanguages = (tag: string, ...texts: string[]) =>
  `<dc:${tag}><rdf:Alt>${texts.map((text, n) => `<rdf:li xml:lang="${n === 0 ? 'x-default' : 'de'}">${text}</rdf:li>`).join('')}</rdf:Alt></dc:${tag}>`;

/** EXIF of one directory, in little or big endian. */
function exif(order: 'II' | 'MM', entries: { tag: number; bytes: Buffer }[]): Buffer {
  const size = 8 + 2 + entries.length * 12 + 4;
  const head = Buffer.alloc(size);
  const write = (value: number, at: number, bytes: 2 | 4) =>
    order === 'II' ? head.writeUIntLE(value, at, bytes) : head.writeUIntBE(value, at, bytes);
  head.write(order, 'latin1');
  write(42, 2, 2);
  write(8, 4, 4);
  write(entries.length, 8, 2);
  let place = size;
  for (const [n, { tag, bytes }] of entries.entries()) {
    const at = 10 + n * 12;
    write(tag, at, 2);
    write(2, at + 2, 2);
    write(bytes.length, at + 4, 4);
    if (bytes.length <= 4) bytes.copy(head, at + 8);
    else {
      write(place, at + 8, 4);
      place += bytes.length;
    }
  }
  return Buffer.concat([
    Buffer.from('Exif\0\0'),
    head,
    ...entries.map(({ bytes }) => bytes).filter((one) => one.length > 4),
  ]);
}

function iptc(...sets: [record: number, tag: number, text: string][]): Buffer {
  return Buffer.concat(
    sets.map(([record, tag, text]) => {
      const bytes = Buffer.from(text);
      return Buffer.concat([Buffer.from([0x1c, record, tag, bytes.length >> 8, bytes.length & 255]), bytes]);
    }),
  );
}

describe('what is written into an image', () => {
  it('is found in the EXIF and XMP of real files, descriptions first', async () => {
    const both = join(folder, 'both.jpg');
    await plain()
      .withExif({ IFD0: { ImageDescription: 'A red fox in the snow', Make: 'Canon' } })
      .withXmp(packet(inLanguages('title', 'Winter') + inLanguages('description', 'A fox &amp; its den', 'Ein Fuchs')))
      .jpeg()
      .toFile(both);
    expect((await probeMedia(both, limits)).texts).toEqual(['A fox & its den', 'A red fox in the snow', 'Winter']);
    for (const format of ['png', 'webp', 'avif'] as const) {
      const path = join(folder, `one.${format}`);
      await plain()
        .withExif({ IFD0: { ImageDescription: 'A red fox' } })
        .toFormat(format)
        .toFile(path);
      expect((await probeMedia(path, limits)).texts, format).toEqual(['A red fox']);
    }
    const none = join(folder, 'none.png');
    await plain().png().toFile(none);
    expect((await probeMedia(none, limits)).texts).toEqual([]);
  });

  it.each(['II', 'MM'] as const)(
    'is found in EXIF of order %s, as UTF-8 or UTF-16, in place and elsewhere',
    (order) => {
      const wide = (text: string) => Buffer.from(`${text}\0`, 'utf16le');
      const entries = [
        { tag: 0x9c9c, bytes: wide('a remark') },
        { tag: 0x9c9b, bytes: wide('Der Fuchs') },
        { tag: 270, bytes: Buffer.from('ひ\0') },
        { tag: 271, bytes: Buffer.from('Canon\0') },
      ];
      expect(textsOfImage({ exif: exif(order, entries) })).toEqual(['ひ', 'Der Fuchs', 'a remark']);
    },
  );

  it('is found in IPTC, and nothing that is no data set is taken for one', () => {
    const sets = iptc([2, 5, 'Name'], [2, 25, 'keyword'], [1, 120, 'no caption'], [2, 120, 'The caption']);
    const framed = Buffer.concat([
      Buffer.from('Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x1c', 'latin1'),
      sets,
    ]);
    expect(textsOfImage({ iptc: framed })).toEqual(['The caption', 'Name']);
  });

  it('is none of a stranger’s bytes, whatever they say of themselves', () => {
    const whole = exif('II', [{ tag: 270, bytes: Buffer.from('A red fox in the snow\0') }]);
    const sets = iptc([2, 120, 'The caption']);
    for (let n = 0; n <= whole.length; n++) {
      expect(textsOfImage({ exif: whole.subarray(0, n) })).toEqual(n === whole.length ? ['A red fox in the snow'] : []);
      // Every byte another: no place outside is read, and no number leads into a circle.
      for (const byte of [0, 0x7f, 0xff]) {
        const changed = Buffer.from(whole);
        changed[n % whole.length] = byte;
        expect(textsOfImage({ exif: changed }).length).toBeLessThanOrEqual(1);
      }
    }
    for (let n = 0; n < sets.length; n++) expect(textsOfImage({ iptc: sets.subarray(0, n) })).toEqual([]);
    const deep = '<dc:description>'.repeat(20_000);
    for (const xml of [
      deep,
      packet('<dc:description/>'),
      packet('<dc:description><b>x</b></dc:description>'),
      packet(`<dc:description${' '.repeat(200_000)}`),
      `${'<'.repeat(300_000)}dc:description>x</dc:description>`,
      '\0\u00ff'.repeat(1000),
    ])
      expect(textsOfImage({ xmp: Buffer.from(xml) })).toEqual([]);
    expect(textsOfImage({ xmp: Buffer.from(packet(inLanguages('description', 'x'.repeat(20_000)))) })).toEqual([]);
    expect(
      textsOfImage({ xmp: Buffer.from(packet(inLanguages('title', '&#0;&#xD800;&#1114112;&#x66;ox &bad;'))) }),
    ).toEqual(['&#0;&#xD800;&#1114112;fox &bad;']);
    const latin = exif('II', [{ tag: 270, bytes: Buffer.from('F\u00fcchse im Schnee\0', 'latin1') }]);
    expect(textsOfImage({ exif: latin })).toEqual([]);
    const many = iptc(...Array.from({ length: 100 }, (_, n): [number, number, string] => [2, 120, `Caption ${n}`]));
    expect(textsOfImage({ iptc: many }).length).toBe(16);
  });
});

describe('what is written into a container', () => {
  it.each(['mp4', 'mkv', 'mov', 'avi'])('is found in the tags of a real one: %s', async (ending) => {
    const tags = [
      '-metadata',
      'title=The fox',
      '-metadata',
      'comment=Shot on a cold day',
      '-metadata',
      'artist=Nobody',
    ];
    const input = ['-f', 'lavfi', '-i', 'testsrc2=s=64x48:d=0.5:r=10'];
    const path = await make(folder, `film.${ending}`, [...input, ...h264, ...tags]);
    expect((await probeMedia(path, limits)).texts).toEqual(['The fox', 'Shot on a cold day']);
  });

  it('comes in order whatever the spelling, and only as text', () => {
    const tags = { COMMENT: 'c', encoder: 'Lavf', 'com.apple.quicktime.description': 'd', Title: ' t ', synopsis: 'd' };
    expect(textsOfTags({ ...tags, description: 7 }, undefined, { title: 'of a stream' })).toEqual([
      'd',
      't',
      'of a stream',
      'c',
    ]);
    expect(textsOfTags({ title: 'x'.repeat(1e6) })).toEqual([]);
  });
});
