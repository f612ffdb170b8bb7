import { expect, it } from 'vitest';
import { OpenedParts } from '../../src/app/opened-parts.js';

it('closes what is left when a part cannot be closed, the last one first, and says why at the end', async () => {
  const parts = new OpenedParts();
  const closed: string[] = [];
  const part = (name: string, error?: string) =>
    parts.onClose(async () => {
      closed.push(name);
      if (error) throw new Error(error);
    });
  part('first');
  part('second', 'which is not told');
  part('third', 'not empty');
  part('fourth');
  await expect(parts.close()).rejects.toThrow('not empty');
  expect(closed).toEqual(['fourth', 'third', 'second', 'first']);
});
