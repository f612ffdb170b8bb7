export type Environment = Record<string, string | undefined>;

const variable = /\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}\r\n]*))?\}/g;
/** Characters for private use stand for the ASCII ones of a `${...}` while YAML is parsed. */
const hidden = 0xe000;
const hiddenRun = /[\ue000-\ue0ff]+/g;

/**
 * Makes `${VAR}` and `${VAR:-default}` into letters that YAML has no meaning for, one for one, so that they may stand
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
  /** The names that were put in. */
  used: string[];
  /** The names that are neither set nor have a default. */
  unset: string[];
}

/** Puts the values in. As in a shell, `:-` stands in for an unset and for an empty variable. */
export function substitute(text: string, env: Environment): Substituted {
  const used: string[] = [];
  const unset: string[] = [];
  const result = showVariables(text).replace(variable, (_, name: string, fallback: string | undefined) => {
    used.push(name);
    const value = env[name];
    if (fallback !== undefined) return value || fallback;
    if (value === undefined) unset.push(name);
    return value ?? '';
  });
  return { text: result, used, unset };
}
