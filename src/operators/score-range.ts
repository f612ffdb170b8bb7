import { z } from 'zod';

/** What a score must be at least, at most, or both, as a setting. Some value must fit: the least is not above the most. */
export const scoreRange = z
  .strictObject({ min: z.number().optional(), max: z.number().optional() })
  .refine(({ min, max }) => min !== undefined || max !== undefined, 'min, max or both')
  .superRefine(({ min, max }, { addIssue }) => {
    if (min !== undefined && max !== undefined && min > max)
      addIssue({ code: 'custom', path: ['min'], message: notAbove('max', max) });
  });

/** What a least value must be beside a most one, of that name. */
export function notAbove(name: string, most: number): string {
  return `at most ${name} (${most})`;
}
