import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { expect, it } from 'vitest';
import { probeMedia } from '../../src/media/probe-media.js';
import { promptImage } from '../../src/media/prompt-image.js';
import { thrownBy } from '../operators/run-operator.js';
import { discPng, never, testFolder } from './make-media.js';

const folder = await testFolder();

/** 64 x 64 pixels of 10 bits, BT.2020 and PQ by its colour box: ffmpeg with libaom-av1. */
const avif = Buffer.from(
  [
    'AAAAIGZ0eXBhdmlmAAAAAGF2aWZtaWYxbWlhZk1BMUEAAAD5bWV0YQAAAAAAAAAvaGRscgAAAAAAAAAAcGljdAAAAAAAAAAAAAAA',
    'AFBpY3R1cmVIYW5kbGVyAAAAAA5waXRtAAAAAAABAAAAHmlsb2MAAAAARAAAAQABAAAAAQAAASEAAAAgAAAAKGlpbmYAAAAAAAEA',
    'AAAaaW5mZQIAAAAAAQAAYXYwMUNvbG9yAAAAAGppcHJwAAAAS2lwY28AAAAUaXNwZQAAAAAAAABAAAAAQAAAABBwaXhpAAAAAAMK',
    'CgoAAAAMYXYxQ4EgQAAAAAATY29scm5jbHgACQAQAAkAAAAAF2lwbWEAAAAAAAAAAQABBAECgwQAAAAobWRhdAoJOBV//awICCRA',
    'MhMYAAAAUAAACgV45eSAluH2If2A',
  ].join(''),
  'base64',
);

/** The transfer characteristics that its colour box or its cICP chunk names, by ITU-T H.273. */
function avifOf(transfer: number): Buffer {
  const bytes = Buffer.from(avif);
  bytes.writeUInt16BE(transfer, bytes.indexOf('colrnclx') + 10);
  return bytes;
}
async function pngOf(transfer: number): Promise<Buffer> {
  const png = await discPng(32);
  const chunk = Buffer.from([0, 0, 0, 4, ...Buffer.from('cICP'), 9, transfer, 0, 1, 0, 0, 0, 0]);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 12)), 12);
  // Behind the signature and the header.
  return Buffer.concat([png.subarray(0, 33), chunk, png.subarray(33)]);
}
async function probed(bytes: Buffer) {
  const path = join(folder, 'image');
  await writeFile(path, bytes);
  return probeMedia(path, { maxPixels: 1e6, signal: never });
}

it.each([
  [16, 'PQ'],
  [18, 'HLG'],
])('images of HDR (transfer %i) are refused by name, and not shown pale', async (transfer, name) => {
  const refused = { code: 'MEDIA_UNSUPPORTED', found: `one of HDR (${name})` };
  expect(await thrownBy(() => probed(avifOf(transfer)))).toMatchObject(refused);
  const png = await pngOf(transfer);
  expect(await thrownBy(() => probed(png))).toMatchObject(refused);
  const prompt = { longest: 64, maxPixels: 1e6, where: 'image 1' };
  expect(await thrownBy(() => promptImage(png, prompt))).toMatchObject({ ...refused, where: 'image 1' });
});

it.each([1, 2, 13])('images of standard range (transfer %i) are taken', async (transfer) => {
  expect(await probed(avifOf(transfer))).toMatchObject({ kind: 'still', width: 64, height: 64 });
  expect(await probed(await pngOf(transfer))).toMatchObject({ kind: 'still', width: 32, height: 32 });
});
