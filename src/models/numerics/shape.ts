import { VimiError } from '../../core/errors.js';

/**
 * Checks a tensor's shape against letters and gives each letter its number: `shape(x, ['B', 'N', 'C'], { C: 96 })`.
 * A letter that occurs twice must be the same number both times. SHAPE_MISMATCH names the rule and what was found.
 */
export function shape<L extends string>(
  tensor: { shape: readonly number[] },
  letters: readonly L[],
  known: Partial<Record<L, number>> = {},
): Record<L, number> {
  const found = { ...known } as Record<L, number>;
  const fits =
    tensor.shape.length === letters.length &&
    letters.every((letter, i) => {
      found[letter] ??= tensor.shape[i]!;
      return found[letter] === tensor.shape[i];
    });
  if (!fits)
    throw new VimiError('SHAPE_MISMATCH', 'A tensor has the wrong shape', {
      expected: `[${letters.map((letter) => (known[letter] === undefined ? letter : `${letter}=${known[letter]}`)).join(', ')}]`,
      found: `[${tensor.shape.join(', ')}]`,
    });
  return found;
}
