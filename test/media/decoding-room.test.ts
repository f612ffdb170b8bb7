import { expect, it } from 'vitest';
import { decodingRoom, inDecodingRoom } from '../../src/media/decoding-room.js';

it('[safety S12] as many are decoded at once as there is room for, in turn, and a failure gives its room back', async () => {
  const third = Math.floor(decodingRoom / 3);
  const inside = new Set<number>();
  const order: number[] = [];
  let most = 0;
  const leave: (() => void)[] = [];
  const all = [...Array(7).keys()].map((n) =>
    inDecodingRoom(n === 4 ? decodingRoom : third, async () => {
      inside.add(n);
      order.push(n);
      most = Math.max(most, inside.size);
      await new Promise<void>((left) => leave.push(left));
      inside.delete(n);
      if (n === 0) throw new Error('damaged');
    }).catch(() => 'failed'),
  );
  const settled = Promise.all(all);
  let done = false;
  settled.then(() => {
    done = true;
  });
  while (!done) {
    if (inside.has(4)) expect([...inside]).toEqual([4]);
    leave.shift()?.();
    await new Promise((next) => setImmediate(next));
  }
  expect(await settled).toEqual(['failed', ...Array(6).fill(undefined)]);
  expect(order).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(most).toBe(3);
});
