import sharp, { type OverlayOptions } from 'sharp';
import { VimiError } from '../errors.js';
import { label as drawLabel } from './label.js';
import type { RgbImage } from './pixels.js';

/** A row of pictures and what they are. Buffers are PNG, JPEG, WebP or whatever else sharp reads; null leaves a place empty. */
export interface ContactRow {
  label: string;
  images: (RgbImage | Buffer | null)[];
}

/** Cells are squares; small pictures are enlarged without smoothing, because their pixels are what one looks at. */
const CELL = 96;
const GAP = 4;
const MARGIN = 16;
const LABEL = 208;
const LONGEST_LABEL = 160;
const PAPER = '#ffffff';
const EMPTY = '#eef0f2';

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
    for (const [c, image] of images.entries()) {
      if (image === null) continue;
      layers.push({ input: await cell(image, `row ${r}, picture ${c}`), left: MARGIN + LABEL + c * (CELL + GAP), top });
    }
  }
  await sharp({ create: { width, height, channels: 3, background: PAPER } })
    .composite(layers)
    .removeAlpha()
    .png({ compressionLevel: 9 })
    .toFile(file);
  return { width, height };
}

/** A label wrapped to its column and cut to the row's height; null for a blank one. */
async function draw(text: string): Promise<{ data: Buffer; height: number } | null> {
  const plain = [...text.replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim()];
  const short = plain.length > LONGEST_LABEL ? `${plain.slice(0, LONGEST_LABEL - 1).join('')}…` : plain.join('');
  const drawn = await drawLabel(short, { width: LABEL - 16 });
  if (!drawn || drawn.height <= CELL) return drawn;
  const top = { left: 0, top: 0, width: drawn.width, height: CELL };
  return { data: await sharp(drawn.data).extract(top).toBuffer(), height: CELL };
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
