import { nameOf } from './ingest-report.js';

export interface Problem {
  code: string;
  remedy: string;
  count: number;
  /** The first of them, with what is wrong. */
  first: { uri: string; message: string }[];
}

const firstOfEach = 3;

/** What is wrong with media, counted by code; the first of each are named. */
export class FoundProblems {
  readonly #problems = new Map<string, Problem>();

  add(uri: string, { code, remedy, message }: { code: string; remedy: string; message: string }): void {
    const known = this.#problems.get(code) ?? { code, remedy, count: 0, first: [] };
    known.count++;
    if (known.first.length < firstOfEach) known.first.push({ uri, message });
    this.#problems.set(code, known);
  }

  get count(): number {
    return this.list().reduce((sum, one) => sum + one.count, 0);
  }

  /** The most frequent first. */
  list(): Problem[] {
    return [...this.#problems.values()].sort((a, b) => b.count - a.count);
  }

  tell(out: NodeJS.WritableStream): void {
    for (const { code, count, remedy, first } of this.list()) {
      out.write(`  ${code} ${count}\n`);
      for (const { uri, message } of first) out.write(`    ${nameOf(uri)}: ${message}\n`);
      if (count > first.length) out.write(`    and ${count - first.length} more\n`);
      out.write(`    → ${remedy}\n`);
    }
  }
}
