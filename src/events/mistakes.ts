import type { z } from 'zod';
import { countCharacters, cutText } from '../core/cut-text.js';
import { nearest } from '../core/nearest.js';
import { printable } from '../core/printable.js';

/** One thing that is wrong in a value, in words for whoever wrote it. */
export interface Mistake {
  /** Where in the value: `prompt.2.image`. Empty: the value itself. */
  path: (string | number)[];
  expected: string;
  found: string;
  /** It is about a key that does not belong there; `path` ends with that key. */
  unknown?: true;
}

type Issue = z.core.$ZodIssue;

/** All that zod found wrong in `value`, one entry a place, in reading order. Never empty. */
export function mistakesOf(error: z.ZodError, value: unknown): Mistake[] {
  const seen = new Set<string>();
  return error.issues
    .flatMap((issue) => explain(issue, [], value))
    .filter(({ path }) => {
      const place = JSON.stringify(path);
      return !seen.has(place) && seen.add(place);
    });
}

/** `frames: expected a whole number, found "many"`. */
export function mistakeText({ path, expected, found, unknown }: Mistake): string {
  const place = path.length > 0 ? printable(cutText(path.join('.'), 120)) : 'the value';
  return unknown ? `${place}: unknown, expected ${expected}` : `${place}: expected ${expected}, found ${found}`;
}

function explain(issue: Issue, base: PropertyKey[], root: unknown): Mistake[] {
  const path = [...base, ...issue.path];
  if (issue.code === 'invalid_union') {
    const branch = likeliest(issue.errors as Issue[][], path, root);
    if (branch) return branch.flatMap((inner) => explain(inner, path, root));
  }
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({
      path: keys([...path, key]),
      expected: 'no such field',
      found: describeValue(at(root, [...path, key])),
      unknown: true,
    }));
  return [{ path: keys(path), expected: expectation(issue), found: foundAt(root, path) }];
}

/** Of a field that is not there, one beside it that may be it, misspelt. */
function foundAt(root: unknown, path: PropertyKey[]): string {
  const found = describeValue(at(root, path));
  const [name, parent] = [path.at(-1), at(root, path.slice(0, -1))];
  if (found !== 'nothing' || typeof name !== 'string' || typeof parent !== 'object' || parent === null) return found;
  const meant = nearest(name, Object.keys(parent).slice(0, 100));
  return meant === undefined ? found : `${found}, but '${printable(cutText(meant, 60))}'`;
}

/** The branch of a union that the writer must have meant: the only one of the right type, with nothing left out. */
function likeliest(branches: Issue[][], path: PropertyKey[], root: unknown): Issue[] | undefined {
  const rightType = branches.filter((issues) => !isOfAnotherKind(issues));
  if (rightType.length === 1) return rightType[0];
  const complete = rightType.filter((issues) =>
    issues.every((issue) => at(root, [...path, ...issue.path]) !== undefined),
  );
  return complete.length === 1 ? complete[0] : undefined;
}

/** Whether the value as a whole is of another type or another constant. */
function isOfAnotherKind(issues: Issue[]): boolean {
  return issues.some(({ code, path }) => path.length === 0 && (code === 'invalid_type' || code === 'invalid_value'));
}

function expectation(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return typeWords[issue.expected] ?? issue.expected;
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(' or ');
    case 'too_small':
      return `${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${unit(issue.origin)}`;
    case 'too_big':
      return `${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${unit(issue.origin)}`;
    case 'invalid_format':
      if (issue.format !== 'regex') return formatWords[issue.format] ?? issue.format;
      // A schema's own words for its pattern are better than the pattern.
      return issue.message.startsWith('Invalid string') ? `text like ${issue.pattern}` : issue.message;
    case 'not_multiple_of':
      return `a multiple of ${issue.divisor}`;
    case 'invalid_union':
      // A schema's own words are better than a list of its branches.
      return issue.message === 'Invalid input' ? unionWords(issue.errors as Issue[][]) : issue.message;
    default:
      return issue.message;
  }
}

function unionWords(branches: Issue[][]): string {
  const words = branches.map(([first]) => {
    if (!first) return 'another value';
    return first.path.length > 0 ? `an object with ${first.path.join('.')}` : expectation(first);
  });
  return [...new Set(words)].join(' or ');
}

const typeWords: Record<string, string> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

const formatWords: Record<string, string> = {
  datetime: 'a moment in UTC such as 2026-01-31T12:00:00Z',
  base64: 'base64',
};

function unit(origin: string): string {
  return origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : '';
}

/** A value in few words: its JSON if that is short, else its kind and size. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${value.length}`;
  if (typeof value === 'object' && value !== null) return 'an object';
  if (typeof value === 'string' && value.length > 60)
    return `${JSON.stringify(cutText(value, 60))}... (${countCharacters(value)} characters)`;
  return JSON.stringify(value) ?? String(value);
}

function at(root: unknown, path: PropertyKey[]): unknown {
  let value = root;
  for (const key of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}

function keys(path: PropertyKey[]): (string | number)[] {
  return path.map((key) => (typeof key === 'symbol' ? String(key) : key));
}
