import { createHash } from 'node:crypto';

/** The share of the world that is held out. */
const heldOut = 0.15;

/** Whether a name is among the held-out share: by its hash, so that it never depends on what else there is. */
export const isHeldOutName = (/** @type {string} */ name) =>
  createHash('sha256').update(name).digest().readUInt32BE(0) / 0x1_0000_0000 < heldOut;

/** By the BASE code point, so that a black cat is never seen where the cat is held out. @param {string} code */
export const isHeldOutCode = (code) => isHeldOutName(code.split('-')[0] ?? code);
