import { resolve } from 'node:path';
import { readSecretFile } from './secret-file.js';

export type Environment = Record<string, string | undefined>;

/** Where values come from: the process, and files, whose relative paths start at the folder. */
export interface Surroundings {
  env: Environment;
  folder: string;
}

/** What is within ends where another begins: a file of beginnings without ends is read in one go. */
const variable =
  /\$\{(?:file:(?!-)((?:[^}\r\n$]|\$(?!\{))+)|([A-Za-z_][A-Za-z0-9_]*)(?::-((?:[^}\r\n$]|\$(?!\{))*))?)\}/g;
/** Characters for private use stand for the ASCII ones of a `${...}` while YAML is parsed. */
const hidden = 0xe000;
const hiddenRun = /[\ue000-\ue0ff]+/g;

/**
 * Makes `${VAR}`, `${VAR:-default}` and `${file:PATH}` into letters that YAML has no meaning for, one for one, so that they may stand
 * within `{ }` and every line and column stays. Substituting before parsing instead would let a value from the
 * environment write YAML.
 */
export function hideVariables(text: string): string {
  return text.replace(variable, (found) => Array.from(found, hide).join(''));
}

/** The text as it stood in the file. */
export function showVariables(text: string): string {
  return text.replace(hiddenRun, (run) => String.fromCharCode(...Array.from(run, (c) => c.charCodeAt(0) - hidden)));
}

export function hasHiddenCharacters(text: string): boolean {
  return text.search(hiddenRun) >= 0;
}

function hide(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100 && character.length === 1 ? String.fromCharCode(hidden + code) : character;
}

export interface Substituted {
  text: string;
  /** How many values were put in. */
  used: number;
  /** Whether a `${` stands there that begins nothing. */
  broken: boolean;
  /** What could not be: as it is written, and why. */
  unset: Unset[];
}

export interface Unset {
  written: string;
  reason: string;
}

/** Puts the values in. As in a shell, `:-` stands in for an unset and for an empty variable. */
export function substitute(text: string, { env, folder }: Surroundings): Substituted {
  let used = 0;
  const unset: Unset[] = [];
  const written = showVariables(text);
  const result = written.replace(variable, (written, path?: string, name = '', fallback?: string) => {
    used++;
    if (path !== undefined) {
      const secret = readSecretFile(resolve(folder, path));
      if ('text' in secret) return secret.text;
      unset.push({ written, reason: secret.reason });
      return '';
    }
    const value = env[name];
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) unset.push({ written, reason: `the environment has no ${name}, and no default is given` });
    return value ?? '';
  });
  return { text: result, used, broken: written.replace(variable, '').includes('${'), unset };
}
