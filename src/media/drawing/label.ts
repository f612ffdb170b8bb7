import { fileURLToPath } from 'node:url';
import sharp from 'sharp';

/** Ships with vimi, so that labels appear on a machine without fonts and look alike on all. */
const font = fileURLToPath(new URL('../../../assets/labels/vimi-label.ttf', import.meta.url));

/** The colour of writing on white. */
export const ink = '#24292f';

export interface LabelOptions {
  /** Pixels after which it is wrapped; one line when left out. */
  width?: number;
  /** Of the letters, in points. */
  size?: number;
  /** `#rrggbb` */
  colour?: string;
}

/** Text as a transparent PNG that fits it closely; null when there is nothing to see. Whatever is in it is text. */
export async function label(
  text: string,
  { width, size = 10, colour = ink }: LabelOptions = {},
): Promise<{ data: Buffer; width: number; height: number } | null> {
  const plain = text.replace(/[\p{Cc}\p{Cs}\s]+/gu, ' ').trim();
  if (plain === '') return null;
  const markup = `<span foreground="${colour}">${plain.replace(/[&<>]/g, (c) => `&#${c.charCodeAt(0)};`)}</span>`;
  const { data, info } = await sharp({
    text: {
      ...{ text: markup, font: `Vimi Label ${size}`, fontfile: font, dpi: 96, rgba: true },
      ...(width !== undefined && { width, wrap: 'word-char' }),
    },
  })
    .png()
    .toBuffer({ resolveWithObject: true });
  return { data, width: info.width, height: info.height };
}
