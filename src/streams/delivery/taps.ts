import type { Envelope } from '../../flow/envelope.js';
import type { Flow } from '../../flow/flow.js';

export type Look = (step: { pipeline: string; step: string }, envelope: Envelope<Flow>) => void;

/** What a step takes, or what it hands on. */
export type Side = 'input' | 'output';

/** Before or behind one step. Where nobody looks, an envelope costs one comparison. */
export class Tap {
  readonly #looks = new Set<Look>();

  constructor(
    readonly pipeline: string,
    readonly step: string,
  ) {}

  see(envelope: Envelope<Flow>): void {
    if (this.#looks.size === 0) return;
    for (const look of this.#looks) look(this, envelope);
  }

  get lookers(): number {
    return this.#looks.size;
  }

  add(look: Look): () => void {
    this.#looks.add(look);
    return () => void this.#looks.delete(look);
  }
}

/** Who looks at what the steps of a process take and hand on. */
export class Taps {
  readonly #taps = new Map<string, Record<Side, Tap>>();

  /** Of a step of a pipeline that runs here. */
  of(pipeline: string, step: string, side: Side = 'output'): Tap {
    const name = `${pipeline}.${step}`;
    const both = this.#taps.get(name) ?? { input: new Tap(pipeline, step), output: new Tap(pipeline, step) };
    this.#taps.set(name, both);
    return both[side];
  }

  /** `PIPELINE.STEP` of all that run here. */
  get names(): string[] {
    return [...this.#taps.keys()];
  }

  /** How many look at a step. */
  lookers(name: string): number {
    const both = this.#taps.get(name);
    return both ? both.input.lookers + both.output.lookers : 0;
  }

  /** Looks at each step that a pattern names, `*` being any characters; gives their names and what ends it. undefined: it names none. */
  look(pattern: string, look: Look, side: Side = 'output'): { steps: string[]; stop: () => void } | undefined {
    const matches = matcher(pattern);
    const steps = this.names.filter(matches);
    if (steps.length === 0) return undefined;
    const ends = steps.map((name) => this.#taps.get(name)![side].add(look));
    return {
      steps,
      stop: () => {
        for (const end of ends) end();
      },
    };
  }
}

/** Without a regular expression of a stranger's: the parts between the stars are found one behind the other. */
function matcher(pattern: string): (name: string) => boolean {
  const [first = '', ...rest] = pattern.split('*');
  const last = rest.pop();
  if (last === undefined) return (name) => name === pattern;
  return (name) => {
    if (!name.startsWith(first) || !name.endsWith(last) || name.length < first.length + last.length) return false;
    let at = first.length;
    const end = name.length - last.length;
    for (const part of rest) {
      const found = name.indexOf(part, at);
      if (found < 0 || found + part.length > end) return false;
      at = found + part.length;
    }
    return true;
  };
}
