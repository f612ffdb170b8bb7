import { nearest } from './nearest.js';

/** What kind of mistake it is: a closed list, for programs that sort them. */
export type Rule =
  /** Not YAML, or YAML of a kind that a topology does not use. */
  | 'syntax'
  | 'too-large'
  | 'duplicate-key'
  | 'unknown-key'
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
  /** An own operator that cannot be loaded. */
  | 'module';

/** Where something stands in a file; both count from 1. */
export interface Place {
  line: number;
  column: number;
}

export interface TopologyMistake extends Place {
  rule: Rule;
  message: string;
  file: string;
  /** What stands there, shortened; never a value from the environment. */
  found?: string;
  /** The nearest valid name. */
  suggestion?: string;
}

/** As compilers write it: `topology.yaml:12:7 error unknown step 'retreive'; did you mean 'retrieve'?` */
export function mistakeLine({ file, line, column, message, suggestion }: TopologyMistake): string {
  return `${file}:${line}:${column} error ${message}${suggestion ? `; did you mean '${suggestion}'?` : ''}`;
}

/** Gathers the mistakes of one file. */
export class Mistakes {
  readonly #found: TopologyMistake[] = [];

  constructor(readonly file: string) {}

  add(rule: Rule, place: Place, message: string, more: { found?: string; suggestion?: string } = {}): void {
    const { line, column } = place;
    const found = more.found === undefined ? {} : { found: printable(more.found) };
    this.#found.push({ rule, message: printable(message), file: this.file, line, column, ...more, ...found });
  }

  /** A name that is none of `known`; `kind` says of what. */
  addUnknown(kind: string, name: string, place: Place, known: Iterable<string>): void {
    const names = [...known];
    const suggestion = nearest(name, names);
    const choice = suggestion || names.length === 0 ? '' : `: expected ${names.map(quote).join(', ')}`;
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
      .filter(({ line, column, message }) => {
        const identity = `${line}:${column} ${message}`;
        return !seen.has(identity) && seen.add(identity);
      })
      .sort((a, b) => a.line - b.line || a.column - b.column);
  }
}

export function quote(name: string): string {
  return `'${name.length > 80 ? `${name.slice(0, 80)}...` : name}'`;
}

/** With nothing in it that a terminal would obey. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, (control) => JSON.stringify(control).slice(1, -1));
}
