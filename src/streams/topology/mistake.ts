import { cutText } from '../../core/cut-text.js';
import { nearest } from '../../core/nearest.js';
import { printable } from '../../core/printable.js';
import { withoutUserInfo } from './secrets.js';

/** What kind of mistake it is: a closed list, for programs that sort them. */
export type Rule =
  /** Not YAML, or YAML of a kind that a topology does not use. */
  | 'syntax'
  | 'too-large'
  | 'duplicate-key'
  | 'unknown-key'
  /** A key that has another name today, which `suggestion` says. */
  | 'old-name'
  | 'missing-key'
  /** Wrong type, range or spelling of a value. */
  | 'value'
  /** A `${VAR}` that is not set, or a `${file:PATH}` that gives nothing. */
  | 'environment'
  /** No such operator, segment, topic, profile or schema. */
  | 'unknown-name'
  /** Segments that use each other in a circle. */
  | 'cycle'
  /** A step, or a sink, whose needs nothing before it adds. */
  | 'needs'
  /** A custom operator that cannot be loaded. */
  | 'module'
  /** A value to set whose path leads nowhere. */
  | 'set';

/** Where something stands; both count from 1. `file`: where it is not the topology's own. */
export interface Place {
  line: number;
  column: number;
  file?: string;
}

export interface TopologyMistake extends Required<Place> {
  rule: Rule;
  message: string;
  /** What stands there, shortened; never a value from the environment. */
  found?: string;
  /** The nearest valid name. */
  suggestion?: string;
}

/** As compilers write it: `topology.yaml:12:7 error unknown step 'retreive'; did you mean 'retrieve'?` */
export function mistakeLine({ file, line, column, rule, message, suggestion }: TopologyMistake): string {
  const asked = suggestion && rule !== 'old-name' ? `; did you mean '${suggestion}'?` : '';
  return `${printable(file)}:${line}:${column} error ${message}${asked}`;
}

/** A file can have thousands of wrong names beside thousands of right ones: nobody reads what is near to each of them. */
const [mostSuggestions, mostListed] = [20, 30];

/** Gathers the mistakes of one file. */
export class Mistakes {
  readonly #found: TopologyMistake[] = [];
  #suggestions = 0;

  constructor(readonly file: string) {}

  add(rule: Rule, place: Place, message: string, more: { found?: string; suggestion?: string } = {}): void {
    const { line, column, file = this.file } = place;
    this.#found.push({
      ...{ rule, message: printable(message), file, line, column },
      ...(more.found !== undefined && { found: printable(more.found) }),
      ...(more.suggestion !== undefined && { suggestion: printable(more.suggestion) }),
    });
  }

  /** A name that is none of `known`; `kind` says of what. */
  addUnknown(kind: string, name: string, place: Place, known: Iterable<string>): void {
    const names = [...known];
    const suggestion = this.#suggestions++ < mostSuggestions ? nearest(name, names) : undefined;
    const listed = [...names.slice(0, mostListed).map(quote), ...(names.length > mostListed ? ['...'] : [])];
    const choice = suggestion || names.length === 0 ? '' : `: expected ${listed.join(', ')}`;
    this.add(kind === 'key' ? 'unknown-key' : 'unknown-name', place, `unknown ${kind} ${quote(name)}${choice}`, {
      found: name,
      suggestion,
    });
  }

  get any(): boolean {
    return this.#found.length > 0;
  }

  /** In the order of the file; the same thing said twice of one place counts once. */
  list(): TopologyMistake[] {
    const seen = new Set<string>();
    return this.#found
      .filter(({ file, line, column, message }) => {
        const identity = `${file}:${line}:${column} ${message}`;
        return !seen.has(identity) && seen.add(identity);
      })
      .sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

export function quote(name: string): string {
  const text = withoutUserInfo(name);
  return `'${text.length > 80 ? `${cutText(text, 80)}...` : text}'`;
}
