import type { z } from 'zod';
import { type SchemaName, schemas } from './schemas.js';

export interface UnknownField {
  /** `prompt.1.rolle` */
  path: string;
  /** What the schema knows beside it. */
  known: string[];
}

/**
 * Fields of an event's data that its schema does not know. They are kept, and nothing here reads them: which is right for
 * what a sender adds for itself, and wrong for a name that is misspelt.
 */
export function unknownFields(schema: SchemaName, data: unknown): UnknownField[] {
  return walk([schemas[schema]], data, []);
}

/** `choices`: the schemas that the value may follow. */
function walk(choices: z.ZodType[], value: unknown, path: (string | number)[]): UnknownField[] {
  const defs = choices.flatMap(unwrapped);
  if (Array.isArray(value)) {
    const elements = defs.flatMap(({ element }) => (element ? [element] : []));
    return elements.length === 0 ? [] : value.flatMap((one, n) => walk(elements, one, [...path, n]));
  }
  if (typeof value !== 'object' || value === null) return [];
  const shapes = defs.flatMap(({ shape }) => (shape ? [shape] : []));
  // A record takes any name.
  if (shapes.length === 0 || defs.some(({ valueType }) => valueType)) return [];
  const known = [...new Set(shapes.flatMap((shape) => Object.keys(shape)))];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, key];
    const below = shapes.flatMap((shape) => (Object.hasOwn(shape, key) ? [shape[key]!] : []));
    return below.length === 0 ? [{ path: at.join('.'), known }] : walk(below, inner, at);
  });
}

interface Def {
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  valueType?: z.ZodType;
  options?: z.ZodType[];
  innerType?: z.ZodType;
  in?: z.ZodType;
  out?: z.ZodType;
}

/** The definitions below optional, default, union and transforming schemas. */
function unwrapped(schema: z.ZodType): Def[] {
  const { def } = schema as unknown as { def: Def };
  const within = [...(def.options ?? []), ...[def.innerType, def.in, def.out].filter((one) => one !== undefined)];
  return within.length > 0 ? within.flatMap(unwrapped) : [def];
}
