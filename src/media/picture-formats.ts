import sharp from 'sharp';

/*
 * A file is of the format that its first bytes say: names lie. But bytes can be made to look like one format to us and
 * like another to libvips, which knows many more: an SVG, say, that begins with "<!--ftypavif", and that may show the
 * pictures that lie beside it. So the decoders that we do not name are switched off, for the whole process.
 */

interface Format {
  name: string;
  /** Hex bytes and where they stand; one of the lists must be there entirely. */
  signatures: [at: number, hex: string][][];
  /** libvips's name of its decoder. */
  decoder: string;
}

const formats: Format[] = [
  { name: 'png', signatures: [[[0, '89504e470d0a1a0a']]], decoder: 'Png' },
  { name: 'jpeg', signatures: [[[0, 'ffd8ff']]], decoder: 'Jpeg' },
  { name: 'gif', signatures: [[[0, '47494638']]], decoder: 'Nsgif' },
  {
    name: 'webp',
    signatures: [
      [
        [0, '52494646'],
        [8, '57454250'],
      ],
    ],
    decoder: 'Webp',
  },
  { name: 'tiff', signatures: [[[0, '49492a00']], [[0, '4d4d002a']]], decoder: 'Tiff' },
  { name: 'avif', signatures: [[[4, '6674797061766966']]], decoder: 'Heif' },
];

sharp.block({ operation: ['VipsForeignLoad'] });
// Results are kept by file name, whatever bytes it has by now.
sharp.cache(false);
sharp.unblock({ operation: formats.map(({ decoder }) => `VipsForeignLoad${decoder}`) });

/** How many bytes `formatOf` looks at. */
export const signatureBytes = 12;

/** png, jpeg, gif, webp, tiff or avif, by the first bytes of a file; null: no picture that we read. */
export function formatOf(bytes: Buffer): string | null {
  const says = ([at, hex]: [number, string]) => bytes.toString('hex', at, at + hex.length / 2) === hex;
  return formats.find(({ signatures }) => signatures.some((signature) => signature.every(says)))?.name ?? null;
}
