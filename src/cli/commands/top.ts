import { setTimeout as sleep } from 'node:timers/promises';
import { type Look, lookOf } from '../../app/looks/look.js';
import { type PipelineRow, rowsOf, type SortKey } from '../../app/looks/rows.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import { printable } from '../printable.js';
import { noProcess, processUrl } from '../process-at.js';
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

/** A process that is slower with its metrics than this is as good as away. */
const answerMs = 5_000;
const mostBytes = 8 * 1024 * 1024;

/**
 * Shows what runs: rate, events in flight and times of each pipeline and step, from what processes serve at /metrics, summed
 * over them. It asks for nothing else, so it disturbs nothing. USAGE when an address is none, or nothing answers at the first look.
 */
export async function top(
  addresses: readonly string[],
  options: TopOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const urls = addresses.map((address) => processUrl(address, '/metrics'));
  const { intervalMs, count = Number.POSITIVE_INFINITY, json = false, redraws, signal } = options;
  let before: Look | undefined = await look(urls, signal).catch((thrown) => {
    if (signal.aborted) return undefined;
    throw thrown;
  });
  for (let shown = 0; before && shown < count && !signal.aborted; shown++) {
    await sleep(intervalMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    let now: Look;
    try {
      now = await look(urls, signal);
    } catch (thrown) {
      if (signal.aborted) return;
      if (count !== Number.POSITIVE_INFINITY) throw thrown;
      // It may be between two runs: whoever watches waits.
      const { message, found } = asVimiError(thrown);
      if (!json)
        out.write(`${redraws ? clear : ''}${printable(`${message}${found ? `: ${found}` : ''}`)}; looking again\n`);
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

async function look(urls: readonly URL[], signal: AbortSignal): Promise<Look> {
  const texts = await Promise.all(urls.map((url) => metricsAt(url, signal)));
  return lookOf(performance.now(), texts);
}

async function metricsAt(url: URL, signal: AbortSignal): Promise<string> {
  const where = url.href;
  const how = 'vimi top HOST:PORT';
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(answerMs)]),
      redirect: 'error',
    });
    text = await bounded(response);
  } catch (thrown) {
    throw noProcess(thrown, where, how);
  }
  if (!response.ok)
    throw new VimiError('USAGE', 'What answers there has no metrics', {
      ...{ found: `status ${response.status}`, where },
      remedy: `Name the address of a run: ${how}.`,
    });
  return text;
}

async function bounded(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > mostBytes) throw new Error(`more than ${mostBytes} bytes`);
  }
  return text;
}
