import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { openImageProcessor } from '../../../../src/models/encoders/onnx/image-processor.js';

const place = mkdtempSync(join(tmpdir(), 'vimi-pixels-'));
afterAll(() => rmSync(place, { recursive: true }));
const withConfig = (config: unknown) => {
  writeFileSync(join(place, 'preprocessor_config.json'), JSON.stringify(config));
  return openImageProcessor(place);
};
/** As fixtures/make.py draws it. */
const pattern = (width: number, height: number) => ({
  ...{ width, height },
  data: Uint8Array.from({ length: width * height * 3 }, (_, i) => i * 37 + Math.floor(i / 7) * 11),
});

interface Recorded {
  image: [number, number];
  config: object;
  shape: number[];
  some: number[];
  sum: number;
}
const recorded: Recorded[] = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures/pixels.json'), 'utf8'));

describe('images as the processors of Hugging Face make them (fixtures/make.py)', () => {
  test.each(recorded.map((one) => [`${one.image.join('x')} ${JSON.stringify(one.config).slice(0, 90)}`, one] as const))(
    '%s',
    async (_, { image, config, shape, some, sum }) => {
      const process = await withConfig(config);
      const made = process(pattern(...image));
      expect(made.shape).toEqual([1, ...shape]);
      const step = Math.max(1, Math.floor(made.values.length / 60));
      expect(some.length).toBeGreaterThan(50);
      // A byte beside the right one would be off by at least 0.0039.
      for (const [n, value] of some.entries()) expect(Math.abs(made.values[n * step]! - value)).toBeLessThan(1e-3);
      expect(made.values.reduce((total, value) => total + value, 0)).toBeCloseTo(sum, 1);
    },
  );

  test('old configs say one number for a size and a crop', async () => {
    const process = await withConfig({ size: 16, crop_size: 12, do_center_crop: true });
    expect(process(pattern(40, 20)).shape).toEqual([1, 3, 12, 12]);
  });
});

test.each<[string, unknown]>([
  ['no config of pixels', []],
  ['a size of nothing', { size: 0 }],
  ['a filter that nobody knows', { resample: 17 }],
  ['no spread', { image_std: [0.5, 0, 0.5] }],
  ['a side of a million', { size: { height: 1e6, width: 1e6 } }],
])('%s is refused', async (_, config) => {
  await expect(withConfig(config)).rejects.toMatchObject({ code: 'WEIGHTS_DAMAGED' });
});

test('a strip is refused before it is enlarged beyond memory', async () => {
  const process = await withConfig({ size: { shortest_edge: 4096 } });
  const strip = { width: 20_000, height: 1, data: new Uint8Array(60_000) };
  expect(() => process(strip)).toThrow(expect.objectContaining({ code: 'MEDIA_TOO_LARGE' }));
});
