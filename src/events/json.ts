import { VimiError } from '../core/errors.js';
import { describeValue } from './mistakes.js';

export interface JsonLimits {
  /** Bytes of text. */
  bytes: number;
  /** Levels of lists and objects within each other. */
  depth: number;
  /** Values in all: numbers, texts, lists, objects ... */
  values: number;
}

/**
 * Bytes from outside as a JSON object. Not UTF-8, not JSON, not an object, nested too deeply, a number beyond what a
 * double holds: EVENT_MALFORMED. More bytes or values than allowed: EVENT_TOO_LARGE. Keys called `__proto__` are left
 * out: they would be read as prototypes by whoever copies the object. Half a surrogate pair, which no UTF-8 can hold,
 * becomes U+FFFD.
 */
export function readJsonObject(bytes: Buffer, limits: JsonLimits, where: string): Record<string, unknown> {
  if (bytes.length > limits.bytes)
    throw new VimiError('EVENT_TOO_LARGE', 'This event is too large', {
      expected: `at most ${limits.bytes} bytes`,
      found: `${bytes.length} bytes`,
      where,
    });
  const value = parse(decodeText(bytes, where), where);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('a JSON object', Array.isArray(value) ? 'a list' : describeValue(value), where);
  check(value, limits, where);
  return value as Record<string, unknown>;
}

/** What an event says, as text. EVENT_MALFORMED for what is nested more deeply than can be written. */
export function writeJson(value: unknown, where: string): string {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw malformed('fewer levels of nesting', 'more than can be written', where, cause);
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** UTF-8, strictly; a byte order mark is passed over. */
export function decodeText(bytes: Buffer, where: string): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed('UTF-8 text', `bytes ${bytes.subarray(0, 16).toString('hex')}...`, where);
  }
}

function parse(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed('JSON', text.trim() === '' ? 'nothing' : describeValue(text), where, cause);
  }
}

/** Walks without recursion, so that no depth can exhaust the stack. */
function check(root: object, limits: JsonLimits, where: string): void {
  let level: object[] = [root];
  let values = 1;
  for (let depth = 1; level.length > 0; depth++) {
    if (depth > limits.depth) throw malformed(`at most ${limits.depth} levels of nesting`, 'more', where);
    const below: object[] = [];
    for (const container of level) {
      if (Object.hasOwn(container, '__proto__')) Reflect.deleteProperty(container, '__proto__');
      const names = Object.keys(container);
      values += names.length;
      if (values > limits.values)
        throw new VimiError('EVENT_TOO_LARGE', 'This event holds too many values', {
          expected: `at most ${limits.values}`,
          where,
        });
      for (const key of names) {
        const member = (container as Record<string, unknown>)[key];
        if (typeof member === 'object' && member !== null) below.push(member);
        else if (typeof member === 'string') {
          if (!member.isWellFormed()) Object.assign(container, { [key]: member.toWellFormed() });
        } else if (typeof member === 'number' && !Number.isFinite(member))
          throw malformed('numbers below 1.8e308', String(member), where);
      }
    }
    level = below;
  }
}

function malformed(expected: string, found: string, where: string, cause?: unknown): VimiError {
  return new VimiError('EVENT_MALFORMED', 'This event cannot be read', { expected, found, where, cause });
}
