import { createHash } from 'node:crypto';

/**
 * A source of numbers in [0, 1) that follows from its name alone, so that clip 17 of seed 1 is the same however many
 * clips are made and in whatever order. Mulberry32 over the first 32 bits of SHA-256.
 *
 * @param {...(string | number)} name
 * @returns {() => number}
 */
export function seeded(...name) {
  let state = createHash('sha256').update(name.join(':')).digest().readUInt32LE(0);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/**
 * @param {() => number} random
 * @param {number} low
 * @param {number} high
 */
export const between = (random, low, high) => low + (high - low) * random();

/**
 * @template T
 * @param {() => number} random
 * @param {readonly T[]} list not empty
 * @returns {T}
 */
export const pick = (random, list) => /** @type {T} */ (list[Math.floor(random() * list.length)]);

/**
 * A shuffled copy (Fisher and Yates).
 *
 * @template T
 * @param {() => number} random
 * @param {readonly T[]} list
 * @returns {T[]}
 */
export function shuffled(random, list) {
  const out = [...list];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [out[i], out[j]] = [/** @type {T} */ (out[j]), /** @type {T} */ (out[i])];
  }
  return out;
}
