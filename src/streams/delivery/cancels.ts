import { setTimeout as sleep } from 'node:timers/promises';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { type ControlData, catalogue } from '../../events/catalogue.js';
import { decodeEvent, eventType } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import { jobId } from '../../events/ids.js';
import type { StoredRecord } from '../../events/record.js';
import { recordId } from '../../events/replay.js';
import type { SchemaName } from '../../events/schemas.js';
import type { DropReason } from '../../flow/envelope.js';
import { isOver, type Jobs, type JobTry } from '../../stores/jobs/jobs.js';
import type { Transport } from '../transports/transport.js';
import type { InFlight } from './in-flight.js';

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

/**
 * Cancels reach a job twice, by two ways.
 *
 * At once: every process reads the whole input topic for cancels, beside its group and from the group's position on. So a
 * cancel finds its job whatever partition it came to, also when that partition has as many records in flight as it may. One whose job has
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
  /** As they stand in a record's headers. */
  readonly #types: readonly Buffer[];
  #reading: Promise<void> = Promise.resolve();

  constructor(of: CancelsOptions) {
    this.#of = of;
    this.#types = of.schemas.filter(isCancel).map((schema) => Buffer.from(eventType(schema)));
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
  async settle(event: VimiEvent<ControlData>, origin: StoredRecord): Promise<DropReason> {
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
        log.warn(
          { pipeline, code, error: message },
          `Cancels cannot be read ahead of the group, retrying in ${retryMs / 1000} s`,
        );
        await sleep(retryMs, undefined, { signal }).catch(() => {});
      }
    }
  }

  #see(record: StoredRecord): void {
    if (!this.#mayCancel(record)) return;
    let event: VimiEvent;
    try {
      event = decodeEvent(record, this.#of.schemas);
    } catch {
      return; // The group's reading rejects it.
    }
    if (!isCancel(event.schema)) return;
    const { job } = this.#tryOf(event as VimiEvent<ControlData>, record);
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
  #tryOf({ source, data }: VimiEvent<ControlData>, origin: StoredRecord): JobTry {
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

  /** Cheap, as it is asked of every request: nothing is parsed. */
  #mayCancel({ headers: { ce_type: type }, value }: StoredRecord): boolean {
    return type ? this.#types.some((one) => one.equals(type)) : (value?.includes('cancel') ?? false);
  }
}

/** Whether a pipeline that takes such events takes cancels. */
export function isCancel(schema: SchemaName): boolean {
  return catalogue[schema].control === 'cancel';
}
