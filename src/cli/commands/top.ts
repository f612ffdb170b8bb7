import { setTimeout as sleep } from 'node:timers/promises';
import type { Look } from '../../app/looks/look.js';
import { type PipelineRow, rowsOf, type SortKey } from '../../app/looks/rows.js';
import { asVimiError } from '../../core/errors.js';
import { printable } from '../printable.js';
import { lookAt } from '../top/look-at.js';
import { table } from '../top/table.js';

export interface TopOptions {
  /** Milliseconds between two looks. */
  intervalMs: number;
  /** Ends after so many tables; until `signal` when left out. */
  count?: number;
  sort?: SortKey;
  /** Only these pipelines. */
  pipeline?: string[];
  /** One object { at, pipelines } a line instead of tables. */
  json?: boolean;
  signal: AbortSignal;
  /** Each table replaces the one before. */
  redraws: boolean;
}

/**
 * Shows what runs: rate, events in flight and times of each pipeline and step, from what processes serve at /metrics, summed
 * over them. It asks for nothing else, so it disturbs nothing. USAGE when an address is none, or nothing answers at the first look.
 */
export async function top(
  addresses: readonly string[],
  options: TopOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { intervalMs, count = Number.POSITIVE_INFINITY, json = false, redraws, signal } = options;
  let before: Look | undefined = await lookAt(addresses, signal).catch((thrown) => {
    if (signal.aborted) return undefined;
    throw thrown;
  });
  for (let shown = 0; before && shown < count && !signal.aborted; shown++) {
    await sleep(intervalMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    let now: Look;
    try {
      now = await lookAt(addresses, signal);
    } catch (thrown) {
      if (signal.aborted) return;
      if (count !== Number.POSITIVE_INFINITY) throw thrown;
      // It may be between two runs: whoever watches waits.
      const { message } = asVimiError(thrown);
      if (!json) out.write(`${redraws ? clear : ''}${printable(message)}; looking again\n`);
      continue;
    }
    const rows = rowsOf(before, now, options.sort).filter(isWanted(options.pipeline));
    before = now;
    if (json) out.write(`${JSON.stringify({ at: new Date().toISOString(), pipelines: rows })}\n`);
    else out.write(`${redraws ? clear : ''}${printable(table(rows))}${redraws ? '' : '\n'}`);
  }
}

const clear = '\x1b[H\x1b[2J';

const isWanted =
  (names: string[] | undefined) =>
  ({ pipeline }: PipelineRow) =>
    !names || names.includes(pipeline);
