import { dryRun as runDry } from '../../app/dry-run/dry-run.js';
import type { Workspace } from '../../app/workspace.js';
import type { StoredRecord } from '../../events/record.js';
import { eventJson } from '../event-json.js';
import { eventLine } from '../event-line.js';
import { reportLine } from './run.js';

export interface DryRunOptions {
  /** The most events of each pipeline. */
  limit: number;
  from?: number;
  json?: boolean;
  signal: AbortSignal;
}

/**
 * Prints what a run of a pipeline, or of all one after the other, would publish and store, and the outcome of each event; writes nothing of
 * it. Gives the number of rejected events.
 */
export async function dryRun(
  workspace: Workspace,
  name: string | undefined,
  { limit, from, json = false, signal }: DryRunOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const { topology, log } = workspace;
  const say = (what: string, text: string, data: object) =>
    out.write(`${json ? JSON.stringify({ [what]: data }) : `${what.padEnd(8)} ${text}`}\n`);
  let outcomes = 0;
  const schemasOf = (record: StoredRecord) => workspace.topic(record.topic).schemas;
  let rejected = 0;
  for (const pipeline of name === undefined ? topology.pipelines : [workspace.pipeline(name)]) {
    const report = await runDry(topology, pipeline, {
      ...{ limit, log, signal, ...(from !== undefined && { from }) },
      onRecord: (record) =>
        say('event', `${record.topic}  ${eventLine(record, schemasOf(record))}`, eventJson(record, schemasOf(record))),
      onObject: (object) => say('object', `${object.key}  ${object.size} bytes  ${object.media_type}`, object),
      onFinished(event) {
        outcomes++;
        const { where, outcome, reason, step, code, error } = event;
        say('outcome', [where, outcome, reason, step, code, error].filter(Boolean).join('  '), event);
      },
    });
    rejected += report.run.rejected;
    if (json) out.write(`${JSON.stringify({ report })}\n`);
    else out.write(`${pipeline.name} ${report.end}: ${reportLine(report)}. Nothing was written.\n`);
  }
  if (outcomes === 0 && !json && !signal.aborted)
    out.write(
      from === undefined
        ? 'Nothing waits. To see what was processed before again: --from 0.\n'
        : `No partition has events from offset ${from} on.\n`,
    );
  return rejected;
}
