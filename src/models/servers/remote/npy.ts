import type { RgbVideo } from '../../ports.js';

/*
 * A NumPy array file (.npy, version 1.0) of uint8 with the shape (frames, height, width, 3):
 *
 *   \x93NUMPY 1 0   u16 length   { 'descr': '|u1', 'fortran_order': False, 'shape': (8, 32, 32, 3), }   data
 */

const magic = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
const header = /^\{'descr': '\|u1', 'fortran_order': False, 'shape': \((\d{1,5}), (\d{1,5}), (\d{1,5}), 3\), \}[ ]*\n$/;

export const isNpy = (bytes: Buffer) => bytes.subarray(0, magic.length).equals(magic);

/** What stands in the file; a text: why it is none of the kind. The data share the bytes. */
export function framesOfNpy(bytes: Buffer): RgbVideo | string {
  if (!isNpy(bytes) || bytes.length < magic.length + 2) return 'no .npy file of version 1.0';
  const start = magic.length + 2 + bytes.readUInt16LE(magic.length);
  const text = bytes.toString('latin1', magic.length + 2, start);
  const found = header.exec(text);
  if (!found) return `an array of another kind: ${text.trim()}`;
  const [frames, height, width] = found.slice(1).map(Number) as [number, number, number];
  const data = bytes.subarray(start);
  if (data.length !== frames * height * width * 3)
    return `${data.length} bytes for ${frames} frames of ${width}x${height}`;
  return { frames, width, height, data };
}
