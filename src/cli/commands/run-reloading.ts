import type { Workspace } from '../../app/workspace.js';
import { asVimiError } from '../../core/errors.js';
import type { PipelineReport } from '../../streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { printable } from '../printable.js';

export interface ReloadingRun {
  /** Reads the topology, and opens nothing of it yet. */
  open(): Promise<Workspace>;
  /** What it runs of a topology. USAGE where that has no such pipeline. */
  choose(workspace: Workspace): readonly PipelineSpec[];
  run(workspace: Workspace, pipelines: readonly PipelineSpec[], signal: AbortSignal): Promise<PipelineReport[]>;
  /** The end of all. */
  signal: AbortSignal;
  /** Calls `reload` whenever somebody asks for it; gives what stops that. */
  onReload(reload: () => void): () => void;
}

/**
 * Runs pipelines until they end, over changes of their topology: when somebody asks for it, the topology is read again. If it
 * has mistakes, they are told and the run goes on as it was. Otherwise what is in flight is finished or given back, as at any
 * stop, and the run goes on with the new one. Gives the reports of the last run.
 */
export async function runReloading(
  { open, choose, run, signal, onReload }: ReloadingRun,
  err: NodeJS.WritableStream,
): Promise<PipelineReport[]> {
  let workspace = await open();
  /** Since the topology was last read: asking again is never lost, whether it is being read or a run is still ending. */
  let isAsked = false;
  let readAgain = () => {};
  const stopListening = onReload(() => {
    isAsked = true;
    readAgain();
  });
  try {
    for (;;) {
      const changed = new AbortController();
      let next: Workspace | undefined;
      let reading: Promise<void> | undefined;
      const read = async () => {
        try {
          const read = await open();
          choose(read);
          next = read;
          err.write('the topology was read again: work in flight is finished, then the run goes on with it\n');
          changed.abort();
        } catch (thrown) {
          const { message, code } = asVimiError(thrown);
          err.write(
            printable(`the topology was read again and is refused; the run goes on as it was\n${code}: ${message}\n`),
          );
        }
      };
      const readWhileAsked = async () => {
        while (isAsked && !next && !signal.aborted) {
          isAsked = false;
          await read();
        }
        reading = undefined;
      };
      readAgain = () => {
        if (!next) reading ??= readWhileAsked();
        else err.write('the topology is read once more when the work in flight is finished\n');
      };
      if (isAsked) readAgain();
      try {
        const reports = await run(workspace, choose(workspace), AbortSignal.any([signal, changed.signal]));
        await reading;
        if (!next || signal.aborted) return reports;
      } finally {
        await workspace.close();
      }
      workspace = next;
    }
  } finally {
    stopListening();
  }
}
