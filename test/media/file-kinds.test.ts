import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { otherKind } from '../../src/media/file-kinds.js';
import { formatOf } from '../../src/media/image-formats.js';
import { probeMedia } from '../../src/media/probe-media.js';
import { promptImage } from '../../src/media/prompt-image.js';
import { thrownBy } from '../operators/run-operator.js';
import { isoFile, quartered } from './make-images.js';
import { makeVideo, never, testFolder } from './make-media.js';

const folder = await testFolder();
const refusal = async (bytes: Buffer, name: string) => {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return thrownBy(() => probeMedia(path, { maxPixels: 1e6, signal: never }));
};
const text = (content: string) => Buffer.from(content, 'latin1');

describe('what is not read is called by its name', () => {
  it.each([
    ['[media F5] [media F6] HEIC of a phone', isoFile('heic', 'mif1', 'heic'), 'HEIC'],
    ['[media F6] HEIC with 10 bits', isoFile('heix', 'mif1', 'heix'), 'HEIC'],
    ['[media F6] HEIC that begins as plain HEIF', isoFile('mif1', 'heic', 'miaf'), 'HEIC'],
    ['[media F6] HEIC of a burst', isoFile('msf1', 'hevc'), 'HEIC'],
    ['[media F6] HEIF without more', isoFile('mif1', 'miaf'), 'HEIF'],
    ['[kind 7] raw data of Canon', isoFile('crx ', 'isom'), 'raw data'],
    ['[kind 7] raw data of Olympus', text('IIRO\x08\0\0\0'), 'raw data'],
    ['[media F32] an HTML page', text('\n<!DOCTYPE html><html><body>404</body></html>'), 'HTML'],
    ['[media F32] an HTML page without a doctype', text('<html lang="en"><head><title>Sign in'), 'HTML'],
    ['[media F32] an SVG', text('<?xml version="1.0"?>\n<svg xmlns="x"></svg>'), 'SVG'],
    ['[media F32] a PSD', text('8BPS\0\x01\0\0\0\0'), 'PSD'],
    ['[media F32] a JP2', Buffer.from('0000000c6a5020200d0a870a00000014', 'hex'), 'JPEG 2000'],
    ['[media F32] an ICO', Buffer.from('0000010001001010', 'hex'), 'ICO'],
    ['[media F22] a JPEG XL', Buffer.from('ff0afa1f0190080600', 'hex'), 'JPEG XL'],
    [
      '[kind 7] a pointer of Git LFS',
      text('version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12\n'),
      'Git LFS',
    ],
    ['[kind 7] a ZIP', text('PK\x03\x04\x14\0\0\0'), 'ZIP'],
    ['[kind 7] a tar', Buffer.concat([Buffer.alloc(257, 1), text('ustar\x0000')]), 'tar'],
    ['[kind 7] a table of Parquet', text('PAR1\x15\x04'), 'Parquet'],
    ['a WAV', text('RIFF\xae\x9a\x3e\0WAVEfmt '), 'audio'],
    ['an AIFF', text('FORM\0\x29\xba\xb8AIFFCOMM'), 'audio'],
    ['an MP3', text('ID3\x03\0\0\0\0\x20\x17'), 'audio'],
    ['an AAC', Buffer.from('fff150801c3ffcde', 'hex'), 'audio'],
    ['an AC-3', Buffer.from('0b77ce88484043e1', 'hex'), 'audio'],
    ['a document of Word', Buffer.from('d0cf11e0a1b11ae100000000', 'hex'), 'Office'],
    ['[kind 7] zeros', Buffer.alloc(500), 'zero bytes'],
    ['[kind 7] JSON', text('{"a": 1}\n'), 'text'],
    ['[kind 7] text in UTF-16', Buffer.from('\ufeffa fox', 'utf16le'), 'text'],
  ])('%s', async (_, bytes, kind) => {
    for (const name of ['image.jpg', 'video.mp4', 'no-ending']) {
      const error = await refusal(bytes, name);
      expect([error.code, error.found], name).toEqual(['MEDIA_UNSUPPORTED', expect.stringContaining(kind)]);
      expect(error.remedy).toContain('JPEG, PNG');
    }
    const asked = promptImage(bytes, { longest: 512, maxPixels: 1e6, where: 'image 1' });
    expect(await thrownBy(() => asked)).toMatchObject({
      code: 'MEDIA_UNSUPPORTED',
      found: expect.stringContaining(kind),
    });
  });

  it('[safety S8] nothing of the content of a secret is told, whatever it is named', async () => {
    const secrets = [
      text('API_KEY=hunter2-secret\n'),
      text('hunter2-secret'),
      Buffer.from('\x01\x02hunter2-secret\x03', 'latin1'),
    ];
    for (const bytes of secrets) {
      const asked = () => promptImage(bytes, { longest: 512, maxPixels: 1e6, where: 'image 1' });
      for (const error of [await refusal(bytes, '.env'), await thrownBy(asked)]) {
        expect(error.code).toBe('MEDIA_UNSUPPORTED');
        for (const told of [error.message, error.found, error.remedy]) {
          expect(told).not.toContain('hunter2');
          expect(told).not.toContain(bytes.toString('hex', 0, 4));
        }
      }
    }
  });
});

describe('formats are told by as many bytes as it takes', () => {
  it('[media F7] an AVIF whose major brand is that of HEIF is read', async () => {
    const avif = await quartered().avif().toBuffer();
    const renamed = Buffer.from(avif);
    renamed.write('mif1', 8, 'latin1');
    const path = join(folder, 'renamed.avif');
    await writeFile(path, renamed);
    expect(await probeMedia(path, { maxPixels: 1e6, signal: never })).toMatchObject({ kind: 'still', codec: 'avif' });
  });

  it('[media F19] an animated PNG and an animated AVIF are no stills', async () => {
    const png = await quartered().png().toBuffer();
    const control = Buffer.from('000000086163544c0000000300000000ce1d4bb8', 'hex');
    expect(formatOf(png)?.name).toBe('png');
    const moving = Buffer.concat([png.subarray(0, 33), control, png.subarray(33)]);
    expect(formatOf(moving)).toBe(null);
    // A prompt takes its first frame, as it does of an animated WebP.
    expect(formatOf(moving, { moving: true })?.name).toBe('png');
    expect(formatOf(isoFile('avis', 'avif', 'avis', 'msf1'))).toBe(null);
    expect(otherKind(isoFile('avis', 'avif', 'avis', 'msf1'))).toBe(null);
  });

  it('[media F19] the mark of an animation behind a long colour profile is found', async () => {
    const png = await sharp({ create: { width: 4, height: 4, channels: 3, background: '#123456' } })
      .png()
      .toBuffer();
    const chunk = Buffer.alloc(20_012);
    chunk.writeUInt32BE(20_000, 0);
    chunk.write('iCCP', 4, 'latin1');
    const control = Buffer.from('000000086163544c0000000300000000ce1d4bb8', 'hex');
    expect(formatOf(Buffer.concat([png.subarray(0, 33), chunk, control, png.subarray(33)]))).toBe(null);
  });

  it('what ffmpeg may read is left to it', async () => {
    const { readFile } = await import('node:fs/promises');
    const mp4 = await readFile(await makeVideo(folder, 'plain.mp4', { scenes: [4] }));
    for (const bytes of [
      mp4,
      isoFile('qt  '),
      isoFile('isom', 'iso2', 'avc1', 'mp41'),
      Buffer.from('1a45dfa3', 'hex'),
      text('BM\x36\0'),
    ])
      expect([formatOf(bytes), otherKind(bytes)]).toEqual([null, null]);
  });
});
