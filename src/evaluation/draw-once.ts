import { createHash } from 'node:crypto';
import type { Denoiser, Generated, GenerateInput } from '../models/ports.js';

/**
 * A denoiser that draws equal inputs once: they give the same video by contract, and retrieval that finds the true context
 * asks for what was drawn already. Videos are kept as long as it lives.
 */
export function drawOnce(denoiser: Denoiser): Denoiser {
  const drawn = new Map<string, Promise<Generated>>();
  return {
    describe: () => denoiser.describe(),
    close: () => denoiser.close(),
    generate(input, options) {
      const key = digestOf(input);
      const there = drawn.get(key);
      if (there) return there;
      const drawing = denoiser.generate(input, options);
      drawn.set(key, drawing);
      drawing.catch(() => drawn.delete(key));
      return drawing;
    },
  };
}

function digestOf({ prompt, start, ...settings }: GenerateInput): string {
  const hash = createHash('sha256').update(JSON.stringify([settings, start?.level, prompt.task, prompt.instruction]));
  if (start) hash.update(start.video.data);
  if (prompt.path) hash.update(JSON.stringify([...prompt.path]));
  for (const part of prompt.parts)
    if ('text' in part) hash.update(JSON.stringify(part.text));
    else {
      const { width, height, data } = part.pixels;
      hash.update(JSON.stringify([part.role, width, height])).update(data);
    }
  return hash.digest('hex');
}
