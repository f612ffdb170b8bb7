import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus } from 'node:os';
import { dirname } from 'node:path';
import { z } from 'zod';
import { version } from '../../core/version.js';
import type { Budget } from './measure-budget.js';

/** The newest are kept. */
const most = 32;

const entry = z.object({
  on: z.string(),
  atOnce: z.number().int().min(1).max(64),
  gains: z.array(z.object({ atOnce: z.number(), times: z.number() })),
});
const file = z.array(entry);

/** What was measured on this machine and these things; undefined: nothing, or the file cannot be read. */
export function readBudget(path: string, measuredOn: object): Budget | undefined {
  const on = keyOf(measuredOn);
  const found = read(path).findLast((one) => one.on === on);
  return found && { atOnce: found.atOnce, gains: found.gains };
}

/** Readers see the old file or the new one. Of two processes that write at once, one may have to measure again. */
export function writeBudget(path: string, measuredOn: object, budget: Budget): void {
  const on = keyOf(measuredOn);
  const others = read(path).filter((one) => one.on !== on);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify([...others, { on, ...budget }].slice(-most), null, 2)}\n`);
  renameSync(temporary, path);
}

function read(path: string): z.output<typeof file> {
  try {
    return file.parse(JSON.parse(readFileSync(path, 'utf8')));
  } catch {
    return [];
  }
}

/** A folder may move to another machine. */
function keyOf(measuredOn: object): string {
  return JSON.stringify({ ...measuredOn, cpu: cpus()[0]?.model, cores: availableParallelism(), vimi: version });
}
