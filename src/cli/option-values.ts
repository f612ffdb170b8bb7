import { InvalidArgumentError } from 'commander';
import { type Condition, conditions } from '../evaluation/tasks/conditions.js';
import type { ScoreLimits } from '../operators/grounding/retrieval/score-limits.js';

/*
 * What stands behind an option, as commander asks for it: the value, or an InvalidArgumentError that says what was
 * expected.
 */

export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER) {
  return (text: string) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isSafeInteger(value) || value < least || value > most) {
      const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
      throw new InvalidArgumentError(`expected a whole number ${range}.`);
    }
    return value;
  };
}

/** "500MB", "1GiB", or a number of bytes. */
export function size(text: string): number {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)\s*([kmgt]i?b|b)?$/i.exec(text.trim()) ?? [];
  const power = Math.max(0, ' kmgt'.indexOf(unit[0]?.toLowerCase() ?? ' '));
  const value = Math.round(Number(number) * (/i/i.test(unit) ? 1024 : 1000) ** power);
  if (!(value >= 1)) throw new InvalidArgumentError('expected a size such as 500MB, 1GiB, or a number of bytes.');
  return value;
}

export function offsetOrEnd(text: string): number | 'end' {
  return text === 'end' ? text : wholeNumber(0)(text);
}

/** Of guidance. */
export function weight(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value <= 50)) throw new InvalidArgumentError('expected a number from 0 to 50.');
  return value;
}

/** Of two vectors that may be alike. */
export function cosine(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!(value >= 0 && value <= 1)) throw new InvalidArgumentError('expected a number from 0 to 1.');
  return value;
}

/** "8,20" */
export const numbers = (least: number, most: number, whole: boolean) => (text: string) =>
  text.split(',').map((part) => {
    const value = part.trim() === '' ? Number.NaN : Number(part);
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value)))
      throw new InvalidArgumentError(`expected numbers from ${least} to ${most} with commas between them.`);
    return value;
  });

/** `0,1` or `cpu,cpu`. */
export const deviceList = (text: string) =>
  text.split(',').map((name) => {
    if (!/^(cpu|\d{1,4})$/.test(name)) throw new InvalidArgumentError('expected a list like 0,1 or cpu,cpu.');
    return name === 'cpu' ? name : Number(name);
  });

/** A gzipped tar is written; another ending would have people open it with the wrong program. */
export function tgz(path: string): string {
  if (!/\.(tgz|tar\.gz)$/i.test(path))
    throw new InvalidArgumentError('expected a name that ends with .tgz or .tar.gz.');
  return path;
}

/** For an option that may be repeated. */
export const several = (value: string, before: string[] = []) => [...before, value];

/** A file of an image, and the words of the prompt that it stands for. */
export interface StandIn {
  words: string;
  file: string;
}

/** "red fox=fox.png": what comes before the first `=` are the words, for an option that may be repeated. */
export function standIn(text: string, before: StandIn[] = []): StandIn[] {
  const at = text.indexOf('=');
  const [words, file] = [text.slice(0, Math.max(0, at)).trim(), text.slice(at + 1)];
  if (words === '' || file === '')
    throw new InvalidArgumentError('expected words of the prompt and a file: fox=fox.png, "red fox=fox.png".');
  return [...before, { words, file }];
}

/** "nsfw=..0.1", "sharpness=0.3..", "brightness=0.2..0.8": the least and the most that a score may be, for an option that may be repeated. */
export function scoreLimit(text: string, before: ScoreLimits = {}): ScoreLimits {
  const [, name, min, max] = /^([^=]+)=(.*?)\.\.(.*)$/s.exec(text) ?? [];
  const ends = { ...(min?.trim() && { min: Number(min) }), ...(max?.trim() && { max: Number(max) }) };
  const key = name?.trim() ?? '';
  const limit = { ...(Object.hasOwn(before, key) && before[key]), ...ends };
  const { min: least = -Infinity, max: most = Infinity } = limit;
  if (name === undefined || Object.keys(ends).length === 0 || !(least <= most))
    throw new InvalidArgumentError(
      'expected the name of a score and its limits: nsfw=..0.1, sharpness=0.3.. or brightness=0.2..0.8.',
    );
  return { ...before, [key]: limit };
}

export function someConditions(text: string): Condition[] {
  return text.split(',').map((name) => {
    if (!(conditions as readonly string[]).includes(name))
      throw new InvalidArgumentError(`expected some of ${conditions.join(', ')}, with commas between them.`);
    return name as Condition;
  });
}

export interface NamedWeights {
  name: string;
  model: string;
}

/** "stage 1=.cache/stage-1/nano.safetensors": what comes before the first `=` is the name. */
export function namedWeights(text: string, before: NamedWeights[] = []): NamedWeights[] {
  const at = text.indexOf('=');
  const [name, model] = [text.slice(0, Math.max(0, at)).trim(), text.slice(at + 1).trim()];
  if (model === '' || !/^[^\p{C}]{1,60}$/u.test(name))
    throw new InvalidArgumentError('expected a name and a model: "stage 1=path.safetensors", "stage 2=nano".');
  return [...before, { name, model }];
}
