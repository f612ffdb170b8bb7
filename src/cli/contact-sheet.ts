import { fileURLToPath } from 'node:url';
import sharp, { type OverlayOptions } from 'sharp';
import { VimiError } from '../errors.js';
import type { RgbImage } from '../models/ports.js';

/** A row of pictures and what they are. Buffers are PNG, JPEG, WebP or whatever else sharp reads. */
export interface ContactRow {
  label: string;
  images: (RgbImage | Buffer)[];
}

/** Cells are squares; small pictures are enlarged without smoothing, because their pixels are what one looks at. */
const CELL = 96;
const GAP = 4;
const MARGIN = 16;
const LABEL = 208;
const LONGEST_LABEL = 160;
const PAPER = '#ffffff';
const INK = '#24292f';
const EMPTY = '#eef0f2';

/** Ships with vimi, so that labels appear on a machine without fonts and look alike on all. */
const font = fileURLToPath(new URL('../../assets/labels/vimi-label.ttf', import.meta.url));

/**
 * Writes one PNG with a row for each entry: its label at the left, its pictures side by side. Shorter rows end early.
 *
 * @returns the picture's size in pixels
 * @throws MEDIA_EMPTY without rows; SHAPE_MISMATCH when pixels do not fill their shape; MEDIA_DAMAGED when a buffer is
 *   no picture
 */
export async function contactSheet(rows: ContactRow[], file: string): Promise<{ width: number; height: number }> {
  if (rows.length === 0) throw new VimiError('MEDIA_EMPTY', 'A contact sheet needs a row');
  const columns = Math.max(...rows.map(({ images }) => images.length));
  const width = MARGIN + LABEL + columns * (CELL + GAP) - (columns > 0 ? GAP : 0) + MARGIN;
  const height = 2 * MARGIN + rows.length * (CELL + GAP) - GAP;

  const layers: OverlayOptions[] = [];
  for (const [r, { label, images }] of rows.entries()) {
    const top = MARGIN + r * (CELL + GAP);
    const text = await draw(label);
    if (text) layers.push({ input: text.data, left: MARGIN, top: top + Math.max(0, (CELL - text.height) >> 1) });
    for (const [c, image] of images.entries())
      layers.push({ input: await cell(image, `row ${r}, picture ${c}`), left: MARGIN + LABEL + c * (CELL + GAP), top });
  }
  await sharp({ create: { width, height, channels: 3, background: PAPER } })
    .composite(layers)
    .removeAlpha()
    .png({ compressionLevel: 9 })
    .toFile(file);
  return { width, height };
}

/** A label as a transparent picture, wrapped to the label's column and cut to the row's height; null for a blank one. */
async function draw(label: string): Promise<{ data: Buffer; height: number } | null> {
  const plain = [...label.replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim()];
  if (plain.length === 0) return null;
  const short = plain.length > LONGEST_LABEL ? `${plain.slice(0, LONGEST_LABEL - 1).join('')}…` : plain.join('');
  const markup = `<span foreground="${INK}">${short.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`)}</span>`;
  const { data, info } = await sharp({
    text: {
      text: markup,
      font: 'Vimi Label 10',
      fontfile: font,
      width: LABEL - 16,
      wrap: 'word-char',
      dpi: 96,
      rgba: true,
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  if (info.height <= CELL) return { data, height: info.height };
  return {
    data: await sharp(data).extract({ left: 0, top: 0, width: info.width, height: CELL }).toBuffer(),
    height: CELL,
  };
}

async function cell(image: RgbImage | Buffer, where: string): Promise<Buffer> {
  const source = Buffer.isBuffer(image) ? sharp(image) : fromPixels(image, where);
  try {
    const { width, height } = await source.metadata();
    const enlarged = Math.max(width, height) < CELL;
    return await source
      .flatten({ background: PAPER })
      .resize(CELL, CELL, { fit: 'contain', background: EMPTY, kernel: enlarged ? 'nearest' : 'lanczos3' })
      .png()
      .toBuffer();
  } catch (cause) {
    throw new VimiError('MEDIA_DAMAGED', 'This picture cannot be read', {
      found: (cause as Error).message,
      where,
      cause,
    });
  }
}

function fromPixels({ data, width, height }: RgbImage, where: string) {
  if (data.length !== width * height * 3 || data.length === 0)
    throw new VimiError('SHAPE_MISMATCH', 'The pixels do not fill their shape', {
      expected: `[${height}, ${width}, 3]`,
      found: `${data.length} numbers`,
      where,
    });
  return sharp(data, { raw: { width, height, channels: 3 } });
}
