import sharp, { type OverlayOptions } from 'sharp';
import { VimiError } from '../../core/errors.js';
import type { RgbImage } from '../pixels.js';
import { label as drawLabel } from './label.js';

/** A row of images and what they are. Buffers are PNG, JPEG, WebP or whatever else sharp reads; null leaves a place empty. */
export interface ContactRow {
  label: string;
  images: (RgbImage | Buffer | null)[];
}

/** Cells are squares; small images are enlarged without smoothing, because their pixels are what one looks at. */
const cellSide = 96;
const gap = 4;
const margin = 16;
const labelWidth = 208;
const longestLabel = 160;
const paper = '#ffffff';
const emptyColour = '#eef0f2';

/**
 * Writes one PNG with a row for each entry: its label at the left, its images side by side. Shorter rows end early.
 *
 * @returns the image's size in pixels
 * @throws MEDIA_EMPTY without rows; SHAPE_MISMATCH when pixels do not fill their shape; MEDIA_DAMAGED when a buffer is
 *   no image
 */
export async function contactSheet(rows: ContactRow[], file: string): Promise<{ width: number; height: number }> {
  if (rows.length === 0) throw new VimiError('MEDIA_EMPTY', 'A contact sheet needs a row');
  const columns = Math.max(...rows.map(({ images }) => images.length));
  const width = margin + labelWidth + columns * (cellSide + gap) - (columns > 0 ? gap : 0) + margin;
  const height = 2 * margin + rows.length * (cellSide + gap) - gap;

  const layers: OverlayOptions[] = [];
  for (const [r, { label, images }] of rows.entries()) {
    const top = margin + r * (cellSide + gap);
    const text = await draw(label);
    if (text) layers.push({ input: text.data, left: margin, top: top + Math.max(0, (cellSide - text.height) >> 1) });
    for (const [c, image] of images.entries()) {
      if (image === null) continue;
      layers.push({
        input: await cell(image, `row ${r}, image ${c}`),
        left: margin + labelWidth + c * (cellSide + gap),
        top,
      });
    }
  }
  await sharp({ create: { width, height, channels: 3, background: paper } })
    .composite(layers)
    .removeAlpha()
    .png({ compressionLevel: 9 })
    .toFile(file);
  return { width, height };
}

/** A label wrapped to its column and cut to the row's height; null for a blank one. */
async function draw(text: string): Promise<{ data: Buffer; height: number } | null> {
  const plain = [...text.replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim()];
  const short = plain.length > longestLabel ? `${plain.slice(0, longestLabel - 1).join('')}…` : plain.join('');
  const drawn = await drawLabel(short, { width: labelWidth - 16 });
  if (!drawn || drawn.height <= cellSide) return drawn;
  const top = { left: 0, top: 0, width: drawn.width, height: cellSide };
  return { data: await sharp(drawn.data).extract(top).toBuffer(), height: cellSide };
}

async function cell(image: RgbImage | Buffer, where: string): Promise<Buffer> {
  const source = Buffer.isBuffer(image) ? sharp(image) : fromPixels(image, where);
  try {
    const { width, height } = await source.metadata();
    const enlarged = Math.max(width, height) < cellSide;
    return await source
      .flatten({ background: paper })
      .resize(cellSide, cellSide, {
        fit: 'contain',
        background: emptyColour,
        kernel: enlarged ? 'nearest' : 'lanczos3',
      })
      .png()
      .toBuffer();
  } catch (cause) {
    throw new VimiError('MEDIA_DAMAGED', 'This image cannot be read', {
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
