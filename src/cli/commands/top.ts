import { setTimeout as sleep } from 'node:timers/promises';
import type { Look } from '../../app/looks/look.js';
import { type Between, type PipelineRow, rowsOf, type SortKey } from '../../app/looks/rows.js';
import { asVimiError } from '../../core/errors.js';
import { printable } from '../printable.js';
import { processUrl } from '../process-at.js';
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
  /** One object { at, silent, pipelines } a line instead of tables. */
  json?: boolean;
  signal: AbortSignal;
  /** Each table replaces the one before. */
  redraws: boolean;
}

/**
 * Shows what runs: rate, events in flight and times of each pipeline and step, from what processes serve at /metrics, summed
 * over them. It asks for nothing else, so it disturbs nothing. Of several processes, those that do not answer are named and the others
 * shown. USAGE when an address is none, or none answers at the first look.
 */
export async function top(
  addresses: readonly string[],
  { intervalMs, count = Number.POSITIVE_INFINITY, json = false, redraws, signal, sort, pipeline }: TopOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const processes = [...new Set(addresses)];
  for (const address of processes) processUrl(address, '/metrics');
  const last = new Map<string, Look>();
  const look = async () => {
    const looks = await Promise.allSettled(processes.map((address) => lookAt(address, signal)));
    const silent: { address: string; why: unknown }[] = [];
    const seen: Between[] = [];
    for (const [n, one] of looks.entries()) {
      const address = processes[n]!;
      if (one.status === 'rejected') silent.push({ address, why: one.reason });
      else {
        seen.push({ before: last.get(address), now: one.value });
        last.set(address, one.value);
      }
    }
    if (seen.length === 0) throw silent[0]!.why;
    return { seen, silent };
  };
  try {
    await look();
    for (let shown = 0; shown < count && !signal.aborted; shown++) {
      await sleep(intervalMs, undefined, { signal });
      const looked = await look().catch((thrown: unknown) => {
        if (signal.aborted || count !== Number.POSITIVE_INFINITY) throw thrown;
        // It may be between two runs: whoever watches waits.
        if (!json) out.write(`${redraws ? clear : ''}${printable(asVimiError(thrown).message)}; looking again\n`);
      });
      if (signal.aborted) return;
      if (!looked) continue;
      const rows = rowsOf(looked.seen, sort);
      const silent = looked.silent.map(({ address }) => address);
      const away = looked.silent.map(({ address, why }) => `${address} is left out: ${asVimiError(why).message}\n`);
      if (json)
        out.write(
          `${JSON.stringify({ at: new Date().toISOString(), silent, pipelines: rows.filter(isWanted(pipeline)) })}\n`,
        );
      else
        out.write(
          `${redraws ? clear : ''}${printable(`${away.join('')}${table(rows, pipeline)}`)}${redraws ? '' : '\n'}`,
        );
    }
  } catch (thrown) {
    if (!signal.aborted) throw thrown;
  }
}

const clear = '\x1b[H\x1b[2J';

const isWanted =
  (names: string[] | undefined) =>
  ({ pipeline }: PipelineRow) =>
    !names || names.includes(pipeline);
