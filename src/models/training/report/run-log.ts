import { appendFile, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';

/*
 * log.jsonl: a line a step, and lines of probes between. Numbers that are not finite are null.
 */

const stepLine = z.looseObject({
  step: z.number(),
  /** The part of the recipe. */
  stage: z.number(),
  loss: z.number().nullable(),
});
const probeLine = z.looseObject({
  step: z.number(),
  probes: z.array(z.record(z.string(), z.number().nullable())),
});
const logLine = z.union([stepLine, probeLine]);
export type StepLine = z.infer<typeof stepLine>;
export type ProbeLine = z.infer<typeof probeLine>;

/** The log of a run, on disk and in memory. */
export class RunLog {
  readonly #path: string;

  private constructor(
    path: string,
    readonly steps: StepLine[],
    readonly probes: ProbeLine[],
  ) {
    this.#path = path;
  }

  /**
   * Keeps what was written up to a step: what came after the checkpoint will come again. So will a line that is torn,
   * which a machine that died may leave as the last one.
   */
  static async open(folder: string, step: number): Promise<RunLog> {
    const path = join(folder, 'log.jsonl');
    const log = new RunLog(path, [], []);
    const text = await readFile(path, 'utf8').catch(() => '');
    const kept = text.split('\n').filter((line) => {
      const parsed = parse(line);
      if (!parsed || parsed.step > step) return false;
      log.#remember(parsed);
      return true;
    });
    await writeFile(`${path}.tmp`, kept.map((line) => `${line}\n`).join(''));
    await rename(`${path}.tmp`, path);
    return log;
  }

  async append(line: StepLine | ProbeLine): Promise<void> {
    const text = JSON.stringify(line);
    await appendFile(this.#path, `${text}\n`);
    this.#remember(logLine.parse(JSON.parse(text)));
  }

  #remember(line: StepLine | ProbeLine): void {
    if ('probes' in line) this.probes.push(line as ProbeLine);
    else this.steps.push(line as StepLine);
  }
}

function parse(line: string): StepLine | ProbeLine | null {
  try {
    return logLine.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}
