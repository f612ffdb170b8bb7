import { setTimeout as sleep } from 'node:timers/promises';
import { asVimiError, VimiError } from '../errors.js';
import { decodeEvent, eventType } from '../events/cloudevents.js';
import type { VimiEvent } from '../events/event.js';
import { jobId } from '../events/ids.js';
import { recordId } from '../events/replay.js';
import type { GenerationCancelled, SchemaName } from '../events/schemas.js';
import type { Log } from '../operators/operator.js';
import { isOver, type Jobs, type JobTry } from '../stores/jobs.js';
import type { DropReason } from './envelope.js';
import type { InFlight } from './in-flight.js';
import type { StoredRecord, Transport } from './transport.js';

export interface CancelsOptions {
  pipeline: string;
  /** The input topic. */
  topic: string;
  group: string;
  schemas: readonly SchemaName[];
  transport: Transport;
  jobs: Jobs;
  inFlight: InFlight;
  log: Log;
}

const retryMs = 1_000;
const cancelType = Buffer.from(eventType('generation.cancelled'));

/**
 * Cancels reach a job twice, by two ways.
 *
 * At once: every process reads the whole input topic for cancels, beside its group and from the group's position on. So a
 * cancel finds its job whatever partition it came to, and however full the window of that partition is. One whose job has
 * not come yet is kept in mind until the job is over.
 *
 * For good: the group's own reading takes each cancel once, and settles it when what it wants is written down: the job is
 * over, or the jobs topic says `cancelled` of a request that has yet to come. So nothing is lost when a process dies
 * between the two.
 */
export class Cancels {
  readonly #of: CancelsOptions;
  readonly #closing = new AbortController();
  /** Jobs that are to be cancelled, and whether a request of theirs was met and stopped before it was begun. */
  readonly #pending = new Map<string, { met: boolean }>();
  #reading: Promise<void> = Promise.resolve();

  constructor(of: CancelsOptions) {
    this.#of = of;
  }

  /** Before the group's reading begins, so that no cancel lies between the two positions. */
  async start(): Promise<void> {
    const { transport, group, topic } = this.#of;
    const positions = await transport.positions(group, topic);
    const from = Object.fromEntries([...positions].map(([partition, { offset }]) => [partition, offset]));
    this.#reading = this.#read(from);
  }

  async close(): Promise<void> {
    this.#closing.abort(new VimiError('TIMED_OUT', 'The pipeline stopped'));
    await this.#reading;
  }

  /** Whether somebody wants this job cancelled; asked when its request is taken. */
  isWanted(job: string): boolean {
    const pending = this.#pending.get(job);
    if (pending) pending.met = true;
    return pending !== undefined;
  }

  /** Does what a cancel asks for, and gives the reason under which it is counted once that is written down. */
  async settle(event: VimiEvent<GenerationCancelled>, origin: StoredRecord): Promise<DropReason> {
    const { jobs } = this.#of;
    const { signal } = this.#closing;
    const asked = this.#tryOf(event, origin);
    // What is here, the jobs topic may not know of yet.
    const here = this.#abort(asked.job);
    const met = here.length > 0 || this.#pending.get(asked.job)?.met;
    await Promise.all(here.map((one) => one.ended()));
    const before = jobs.known(asked.job);
    const known = before && isOver(before.state) ? before : await jobs.cancel(asked, { signal });
    if (known.state === 'cancelled')
      return known.request.record === asked.request.record && !met ? 'cancel-early' : 'cancel-handled';
    if (isOver(known.state)) return 'cancel-late';
    const end = await jobs.over(asked.job, signal);
    return end.state === 'cancelled' ? 'cancel-handled' : 'cancel-late';
  }

  async #read(from: Record<number, number>): Promise<void> {
    const { transport, topic, log, pipeline } = this.#of;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        for await (const record of transport.read(topic, { from, follow: true, signal })) {
          from[record.partition] = record.offset + 1;
          this.#see(record);
        }
      } catch (thrown) {
        if (signal.aborted) return;
        const { code, message } = asVimiError(thrown);
        log.warn({ pipeline, code, error: message }, 'Cancels cannot be read ahead of the window; trying again');
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  #see(record: StoredRecord): void {
    if (!mayCancel(record)) return;
    let event: VimiEvent;
    try {
      event = decodeEvent(record, this.#of.schemas);
    } catch {
      return; // The group's reading rejects it.
    }
    if (event.schema !== 'generation.cancelled') return;
    const { job } = this.#tryOf(event as VimiEvent<GenerationCancelled>, record);
    const known = this.#of.jobs.known(job);
    if (known && isOver(known.state)) return;
    const here = this.#abort(job);
    if (this.#pending.has(job)) return;
    this.#pending.set(job, { met: here.length > 0 });
    this.#of.jobs
      .over(job, this.#closing.signal)
      .catch(() => undefined)
      .then(() => this.#pending.delete(job));
  }

  #abort(job: string) {
    const found = this.#of.inFlight.find(job);
    for (const one of found) one.abort(new VimiError('CANCELLED', 'The job was cancelled'));
    return found;
  }

  /**
   * Which job is meant. Who says no source, neither of the request nor of the cancel, means the job of that id if there is
   * just one, whoever asked for it.
   */
  #tryOf({ source, data }: VimiEvent<GenerationCancelled>, origin: StoredRecord): JobTry {
    const { pipeline, jobs } = this.#of;
    const record = recordId(origin);
    const request = { source: data.source ?? source, id: data.cancel };
    const job = jobId(pipeline, request);
    if (data.source === undefined && source === `/${origin.topic}` && !jobs.known(job)) {
      const named = jobs.named(data.cancel);
      const [only] = named;
      if (only && named.length === 1)
        return { job: only.job, request: { source: only.request.source, id: only.request.id, record } };
    }
    return { job, request: { ...request, record } };
  }
}

/** Cheap, as it is asked of every request: nothing is parsed. */
function mayCancel({ headers, value }: StoredRecord): boolean {
  return headers.ce_type ? headers.ce_type.equals(cancelType) : (value?.includes('cancel') ?? false);
}
