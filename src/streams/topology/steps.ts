import type { Operator } from '../../flow/operator.js';
import type { StepSpec } from '../delivery/pipeline-spec.js';
import { checkAgainst } from './against.js';
import { isModulePath, loadCustomOperator } from './custom-operator.js';
import { type Mistakes, type Place, quote } from './mistake.js';
import { fixedMap, namedEntries } from './sections.js';
import { type Placed, type PlacedEntry, type PlacedMap, reportUnset, shown } from './source.js';

/** A step of a list, as read. */
export type ReadStep =
  | {
      kind: 'operator';
      place: Place;
      operator: Operator;
      config: Record<string, unknown> | undefined;
      settings?: Placed;
    }
  | { kind: 'segment'; place: Place; name: string }
  /** What it is is not known; the mistake is reported. */
  | { kind: 'unknown'; place: Place };

/** A step of a pipeline, segments unfolded. `spec` is missing where it has mistakes. */
export interface UnfoldedStep {
  place: Place;
  /** The outermost segment that it comes from; not the one that is the whole pipeline. */
  segment?: string;
  operator?: Operator;
  spec?: StepSpec;
  /** Its settings as they stand in the file. */
  settings?: Placed;
}

/** Reads lists of steps: each segment once, wherever it is used. */
export class StepReader {
  readonly #segments = new Map<string, PlacedEntry>();
  readonly #read = new Map<string, ReadStep[]>();
  /** Part of a circle. */
  readonly #broken = new Set<string>();
  readonly #walked = new Set<string>();

  constructor(
    readonly operators: readonly Operator[],
    readonly folder: string,
    readonly mistakes: Mistakes,
  ) {}

  /** Checks all segments, used or not. */
  async readSegments(node: Placed): Promise<void> {
    reportUnset(node, this.mistakes);
    const entries = namedEntries(node, 'segment', this.mistakes);
    if (entries.length > mostSegments)
      this.mistakes.add('too-large', node.place, `too many segments: expected at most ${mostSegments}`);
    for (const entry of entries.slice(0, mostSegments)) this.#segments.set(entry.name, entry);
    for (const [name, { value }] of this.#segments) this.#read.set(name, await this.read(value, `segment '${name}'`));
    for (const name of this.#segments.keys()) this.#findCycle(name, []);
  }

  async read(node: Placed, what: string): Promise<ReadStep[]> {
    if (node.kind !== 'list') {
      this.mistakes.add('value', node.place, `${what}: expected a list of steps, found ${shown(node)}`);
      return [{ kind: 'unknown', place: node.place }];
    }
    if (node.items.length === 0) this.mistakes.add('value', node.place, `${what}: expected at least one step`);
    const steps: ReadStep[] = [];
    for (const item of node.items) steps.push(await this.#readStep(item, what));
    return steps;
  }

  /** The steps as they run, with a name each that is unique in its pipeline. */
  unfold(steps: ReadStep[], what: string, place: Place): UnfoldedStep[] {
    const times = new Map<string, number>();
    const unfolded: UnfoldedStep[] = [];
    const whole = steps.length === 1 ? this.#inside(steps[0]!) : undefined;
    for (const { step, segment } of this.#flatten(whole ?? steps)) {
      if (unfolded.length === mostSteps) {
        this.mistakes.add('too-large', place, `${what}: more than ${mostSteps} steps when its segments are unfolded`);
        break;
      }
      unfolded.push({ place: step.place, segment, ...(step.kind === 'operator' && named(step, times)) });
    }
    return unfolded;
  }

  *#flatten(steps: ReadStep[], outermost?: string): Generator<{ step: ReadStep; segment?: string }> {
    for (const step of steps) {
      const inner = this.#inside(step);
      if (inner) yield* this.#flatten(inner, outermost ?? (step as { name: string }).name);
      else yield { step, segment: outermost };
    }
  }

  /** The steps of a segment that is no circle. */
  #inside(step: ReadStep): ReadStep[] | undefined {
    return step.kind === 'segment' && !this.#broken.has(step.name) ? this.#read.get(step.name) : undefined;
  }

  async #readStep(item: Placed, what: string): Promise<ReadStep> {
    const { mistakes } = this;
    const unknown: ReadStep = { kind: 'unknown', place: item.place };
    if (item.kind === 'scalar' && typeof item.value === 'string' && !item.variables)
      return this.#operatorStep(item.value, item.place, undefined, item.place);
    if (item.kind !== 'map' || item.entries.size === 0) {
      mistakes.add('value', item.place, `${what}: a step is a name, or a map of one name: found ${shown(item)}`);
      return unknown;
    }
    const use = item.entries.get('use');
    if (use) return this.#useStep(item, use, what);
    const [first, ...more] = [...item.entries.values()];
    if (more.length > 0) {
      const names = [first!, ...more].map(({ name }) => quote(name)).join(', ');
      mistakes.add(
        'value',
        more[0]!.place,
        `${what}: a step names one operator: found ${names}; give each its own dash, and indent its settings below it`,
      );
      return unknown;
    }
    return this.#operatorStep(first!.name, first!.place, first!.value, item.place);
  }

  #operatorStep(name: string, place: Place, config: Placed | undefined, from: Place): ReadStep {
    if (isModulePath(name)) {
      this.mistakes.add('value', place, `a custom operator is written { use: ${name}, with: { ... } }`, {
        found: name,
      });
      return { kind: 'unknown', place };
    }
    const operator = this.operators.find((candidate) => candidate.name === name);
    if (operator)
      return { kind: 'operator', place, operator, config: this.#config(operator, config, from), settings: config };
    if (this.#segments.has(name))
      this.mistakes.add('unknown-name', place, `'${name}' is a segment: write { use: ${name} }`, { found: name });
    else
      this.mistakes.addUnknown(
        'step',
        name,
        place,
        this.operators.map((candidate) => candidate.name),
      );
    return { kind: 'unknown', place };
  }

  async #useStep(item: PlacedMap, use: PlacedEntry, what: string): Promise<ReadStep> {
    const { mistakes } = this;
    const { place, value } = use;
    const unknown: ReadStep = { kind: 'unknown', place: value.place };
    fixedMap(item, what, ['use', 'with'], mistakes);
    if (value.kind !== 'scalar' || typeof value.value !== 'string' || value.variables) {
      mistakes.add(
        'value',
        value.place,
        `${what}: use: expected the name of a segment or ./file.js, found ${shown(value)}`,
      );
      return unknown;
    }
    const settings = item.entries.get('with');
    const name = value.value;
    if (!isModulePath(name)) {
      if (settings)
        mistakes.add('value', settings.place, `${what}: 'with' is for custom operators; a segment takes no settings`);
      if (this.#segments.has(name)) return { kind: 'segment', place: value.place, name };
      if (this.operators.some((operator) => operator.name === name))
        mistakes.add('unknown-name', value.place, `'${name}' is an operator, not a segment: write it without 'use'`, {
          found: name,
        });
      else mistakes.addUnknown('segment', name, value.place, this.#segments.keys());
      return unknown;
    }
    try {
      const operator = await loadCustomOperator(name, this.folder);
      const config = this.#config(operator, settings?.value, place);
      return { kind: 'operator', place: value.place, operator, config, settings: settings?.value };
    } catch (thrown) {
      mistakes.add('module', value.place, `the operator ${quote(name)}: ${(thrown as Error).message}`, { found: name });
      return unknown;
    }
  }

  /** Checked and complete with defaults; undefined when it has mistakes. */
  #config(operator: Operator, node: Placed | undefined, place: Place): Record<string, unknown> | undefined {
    const isEmpty = !node || (node.kind === 'scalar' && node.value === null && !node.variables);
    const settings: Placed = isEmpty ? { kind: 'map', place: node?.place ?? place, entries: new Map() } : node;
    return checkAgainst(operator.config, settings, `step '${operator.name}'`, this.mistakes);
  }

  #findCycle(name: string, path: string[]): void {
    if (path.includes(name)) {
      const circle = [...path.slice(path.indexOf(name)), name];
      for (const member of circle) this.#broken.add(member);
      const { place } = this.#segments.get(name)!;
      this.mistakes.add('cycle', place, `segments use each other in a circle: ${circle.join(' → ')}`);
      return;
    }
    if (this.#walked.has(name)) return;
    for (const step of this.#read.get(name) ?? [])
      if (step.kind === 'segment') this.#findCycle(step.name, [...path, name]);
    this.#walked.add(name);
  }
}

/** Segments that unfold to more are a mistake, or a bomb. */
const mostSteps = 200;
/** They may use each other; this is how deep that can go. */
const mostSegments = 200;

function named(step: ReadStep & { kind: 'operator' }, times: Map<string, number>): Partial<UnfoldedStep> {
  const { operator, config, settings } = step;
  const nth = (times.get(operator.name) ?? 0) + 1;
  times.set(operator.name, nth);
  const name = nth === 1 ? operator.name : `${operator.name}-${nth}`;
  return { operator, settings, ...(config && { spec: { name, operator, config } }) };
}
