import sharp from 'sharp';

/** An image made small, as a WebP of a few kilobytes; null for bytes that are no image. */
export async function thumbnail(image: Buffer, longest: number): Promise<Buffer | null> {
  try {
    return await sharp(image, { limitInputPixels: 40_000_000 })
      .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
      .webp({ quality: 60 })
      .toBuffer();
  } catch {
    return null;
  }
}
