// @ts-nocheck: a plain script
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';

/** Random colour grids, none like another. */
export async function makeStills(folder, count, random) {
  mkdirSync(folder);
  const raw = { width: 8, height: 8, channels: 3 };
  for (let still = 0; still < count; still++)
    await sharp(
      Uint8Array.from({ length: 192 }, () => random() * 256),
      { raw },
    )
      .resize(64, 64, { kernel: 'nearest' })
      .png()
      .toFile(join(folder, `${still}.png`));
}
