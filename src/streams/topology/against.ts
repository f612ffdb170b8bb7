import type { z } from 'zod';
import { nearest } from '../../core/nearest.js';
import { type Mistake, mistakesOf } from '../../events/mistakes.js';
import type { Mistakes, Place } from './mistake.js';
import { quote } from './mistake.js';
import { reportOldName } from './old-names.js';
import { isSecret } from './secrets.js';
import { type Placed, type PlacedScalar, plain, shown } from './source.js';

/**
 * Checks a part of the file against a zod schema and reports what is wrong where it stands. `what` names the part:
 * "step 'retrieve'". undefined: it does not fit, or waits for variables that are not set (reported elsewhere).
 */
export function checkAgainst<S extends z.ZodType>(
  schema: S,
  node: Placed,
  what: string,
  mistakes: Mistakes,
): z.output<S> | undefined {
  let result = schema.safeParse(plain(node));
  if (!result.success && keepAsText(node, mistakesOf(result.error, plain(node))))
    result = schema.safeParse(plain(node));
  if (result.success) return result.data;
  for (const mistake of mistakesOf(result.error, plain(node))) report(schema, node, mistake, what, mistakes);
  return undefined;
}

/** `${PORT}` reads as a number; where text is wanted, the text is what was meant. */
function keepAsText(node: Placed, wrong: Mistake[]): boolean {
  let changed = false;
  for (const { path, expected } of wrong) {
    const { node: here, rest } = locate(node, path);
    if (rest.length > 0 || here.kind !== 'scalar' || !here.variables || here.variables.unset.length > 0) continue;
    if (expected !== 'text' || typeof here.value === 'string') continue;
    here.value = here.variables.text;
    changed = true;
  }
  return changed;
}

function report(schema: z.ZodType, root: Placed, mistake: Mistake, what: string, mistakes: Mistakes): void {
  const { path, expected, unknown } = mistake;
  const { node, place, rest } = locate(root, path);
  if (node.kind === 'scalar' && rest.length === 0 && (node.variables?.unset.length ?? 0) > 0) return;
  const last = path.at(-1);
  const field = path.join('.');
  if (unknown && typeof last === 'string') {
    if (reportOldName([what, ...path.slice(0, -1)].join(': '), last, place, mistakes)) return;
    const known = fieldsAt(schema, path.slice(0, -1));
    const choice = nearest(last, known) ? '' : known.length > 0 ? `: it takes ${known.map(quote).join(', ')}` : '';
    mistakes.add('unknown-key', place, `${what}: unknown key ${quote(last)}${choice}`, {
      found: last,
      suggestion: nearest(last, known),
    });
  } else if (rest.length > 0) {
    mistakes.add('missing-key', place, `${what}: missing ${field}: expected ${expected}`);
  } else {
    const found = isSecret(String(last)) ? 'a value that is not shown' : shown(node);
    const options = [...expected.matchAll(/"([^"]*)"/g)].map(([, option]) => option!);
    const isText = node.kind === 'scalar' && !node.variables && typeof node.value === 'string';
    mistakes.add(
      'value',
      node.place,
      conceal(root, `${what}: ${field && `${field}: `}expected ${expected}, found ${found}`),
      {
        found,
        suggestion: isText ? nearest(String(node.value), options) : undefined,
      },
    );
  }
}

/** The node at a path, as far as the file goes; `place` is that of the last key, `rest` what the file lacks. */
function locate(root: Placed, path: (string | number)[]): { node: Placed; place: Place; rest: (string | number)[] } {
  let node = root;
  let place = root.place;
  for (const [index, key] of path.entries()) {
    const entry = node.kind === 'map' ? node.entries.get(String(key)) : undefined;
    const next = node.kind === 'list' ? node.items[Number(key)] : entry?.value;
    if (!next) return { node, place, rest: path.slice(index) };
    [node, place] = [next, entry?.place ?? next.place];
  }
  return { node, place, rest: [] };
}

/** A last net below schemas with messages of their own: what came from the environment is never said. */
export function conceal(root: Placed, message: string): string {
  let concealed = message;
  for (const { variables } of scalars(root))
    if (variables && variables.text.length > 2) concealed = concealed.replaceAll(variables.text, variables.written);
  return concealed;
}

function* scalars(node: Placed): Generator<PlacedScalar> {
  if (node.kind === 'scalar') yield node;
  else if (node.kind === 'list') for (const item of node.items) yield* scalars(item);
  else for (const { value } of node.entries.values()) yield* scalars(value);
}

/** The fields that a schema's object has at a path; for a union, those of all its branches. */
function fieldsAt(schema: z.ZodType, path: (string | number)[]): string[] {
  const { def } = schema as unknown as { def: SchemaDef };
  if (def.innerType) return fieldsAt(def.innerType, path);
  if (def.options) return [...new Set(def.options.flatMap((option) => fieldsAt(option, path)))];
  const [key, ...below] = path;
  if (key === undefined) return def.shape ? Object.keys(def.shape) : [];
  const next = def.shape?.[key] ?? def.element ?? def.valueType;
  return next ? fieldsAt(next, below) : [];
}

interface SchemaDef {
  innerType?: z.ZodType;
  options?: z.ZodType[];
  shape?: Record<string, z.ZodType>;
  element?: z.ZodType;
  valueType?: z.ZodType;
}
