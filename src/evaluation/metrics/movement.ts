import { type Form, formOf, forms, type Path } from './motion.js';

/** The movements of examples/world/paths.mjs that no training world has, timed as it times them: every second frame of 16 for 8. */
export const movements: Readonly<Record<string, Form>> = {
  zigzag: (t, T) => {
    const u = (16 * t) / T / 15;
    const part = (2 * u) % 1;
    return { x: 2 * u - 1, y: 1 - 2 * Math.abs(1 - 2 * part), size: 0 };
  },
  orbit: (t, T) => ({ x: Math.sin((2 * Math.PI * t) / T), y: Math.cos((2 * Math.PI * t) / T), size: 0 }),
  swing: (t, T) => {
    const x = Math.sin((2 * Math.PI * t) / T);
    return { x, y: 0.25 - x ** 2 / 2, size: 0 };
  },
  shake: (t, T) => ({ x: Math.cos((8 * Math.PI * t) / T), y: 0, size: 0 }),
};

export const movementNames: readonly string[] = Object.keys(movements);

/** Which movement explains most of a path, among these and the motions of the world; `other` and `none` as for motions. */
export const movementOf = (path: readonly (Path[number] | null)[]): string => formOf(path, { ...forms, ...movements });
