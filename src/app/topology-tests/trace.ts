import type { Envelope } from '../../flow/envelope.js';
import type { Flow } from '../../flow/flow.js';
import { lookOn } from '../../flow/look-on.js';
import type { Operator } from '../../flow/operator.js';
import type { StepSpec } from '../../streams/delivery/pipeline-spec.js';
import { readable } from '../../streams/delivery/readable.js';

/** What a step made of an event, or of a part of it. */
export interface Traced {
  step: string;
  /** '' for the event itself, '3' for its fourth clip. */
  part: string;
  /** The fields that it added or changed, fit to be read: long lists and bytes are told by their size. */
  fields: Record<string, unknown>;
}

/** Notes each event after each step of a pipeline, by the record that it came in. */
export class Trace {
  readonly #byRecord = new Map<string, Traced[]>();
  readonly #last = new Map<string, Flow>();

  /** The steps with one behind each that looks on. */
  through(steps: readonly StepSpec[]): StepSpec[] {
    return steps.flatMap((step) => [step, { name: `${step.name}, seen`, operator: this.#behind(step), config: {} }]);
  }

  of(record: string): Traced[] {
    return this.#byRecord.get(record) ?? [];
  }

  #behind({ name, operator }: StepSpec): Operator {
    const { module: _, tools: __, models: ___, product: ____, ...spec } = operator;
    return {
      ...spec,
      needs: [],
      adds: [],
      create: () => ({ step: lookOn((envelope) => this.#note(name, envelope)) }),
    };
  }

  #note(step: string, { origin, part, data }: Envelope<Flow>): void {
    const record = `${origin.topic}/${origin.partition}/${origin.offset}`;
    const before = this.#before(record, part) as Record<string, unknown>;
    const fields = Object.entries(data).filter(([name, value]) => before[name] !== value);
    this.#last.set(`${record} ${part}`, data);
    const traced = this.#byRecord.get(record) ?? [];
    traced.push({ step, part, fields: Object.fromEntries(fields.map(([name, value]) => [name, readable(value)])) });
    this.#byRecord.set(record, traced);
  }

  /** What was last seen of the part, or of what it was split from. */
  #before(record: string, part: string): Flow {
    const seen = this.#last.get(`${record} ${part}`);
    if (seen) return seen;
    return part === '' ? {} : this.#before(record, part.includes('.') ? part.slice(0, part.lastIndexOf('.')) : '');
  }
}
