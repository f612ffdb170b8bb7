import { z } from 'zod';

const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const rule = /^([1-9]\d{0,8})([smhdw])$/;

/** A time as topology.yaml writes it, such as 7d; in milliseconds. */
export const duration = z
  .string()
  .regex(rule, 'a whole number and one of s, m, h, d, w, such as 7d')
  .transform((text) => {
    const [, count, unit] = rule.exec(text)!;
    return Number(count) * units[unit!]!;
  });
