import { setTimeout as pause } from 'node:timers/promises';
import type { Clock } from '../../core/clock.js';
import { either } from '../../core/either.js';
import { asVimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import type { NewRecord } from '../../events/record.js';
import type { WebhookDelivery } from '../../events/webhook-events.js';
import { deliveryRecord, disabledRecord, forgetting } from '../../events/webhook-records.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import { isOver } from '../../stores/jobs/jobs.js';
import { hostOf } from '../../stores/webhooks/webhook-ledger.js';
import type { AssignedPartition, GroupPosition } from '../../streams/transports/transport.js';
import { changeOf } from '../client/told-jobs.js';
import type { FollowedBoard } from '../job-board.js';
import type { ServiceMetrics } from '../service-metrics.js';
import type { FollowedLedger } from './followed-ledger.js';
import { messageOf } from './message.js';
import { afterAttempt } from './next-state.js';
import type { ReceiverTurns } from './receiver-turns.js';
import type { Receivers } from './receivers.js';

export interface SenderAround {
  board: FollowedBoard;
  ledger: FollowedLedger;
  receivers: Receivers;
  /** What a message says of a job. */
  describe(job: BoardJob): object;
  clock: Clock;
  random(): number;
  log: Log;
  metrics: ServiceMetrics;
  /** Shared by all partitions of this process. */
  turns: ReceiverTurns;
}

/** Records of the jobs topic that are taken at a time. */
const takeMost = 200;
/** After a failure of the log. Milliseconds. */
const retryMs = 1000;
/** Messages are kept for so long after they were made. */
const keptMs = 30 * 24 * 60 * 60 * 1000;
const sweepMs = 60 * 60 * 1000;
/** The clock of the machine may be set while a message waits: it is looked at this often. Milliseconds. */
const lookMs = 60_000;

/**
 * Sends the webhooks of the jobs in one partition of the jobs topic, while this process owns it: so one process of all that
 * share the log sends each. A message is recorded in the same commit that moves past the end of its job, and what became of an
 * attempt before the next one. A process that dies between an attempt and its record sends it again, under the same id.
 */
export class PartitionSender {
  readonly #partition: AssignedPartition;
  readonly #around: SenderAround;
  readonly #stopping = new AbortController();
  readonly #attempts = new Map<string, Promise<void>>();
  #position: GroupPosition;
  #commits: Promise<void> = Promise.resolve();
  #wake = () => {};
  readonly #running: Promise<unknown>;

  constructor(partition: AssignedPartition, around: SenderAround) {
    this.#partition = partition;
    this.#around = around;
    this.#position = partition.position ?? { offset: 0, metadata: '' };
    this.#running = Promise.all([this.#takeEnds(), this.#send()]);
  }

  /** Attempts under way are given up: whoever comes next makes them again. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await this.#running;
    await Promise.all(this.#attempts.values());
  }

  /** Makes a message of each end of a job that asks for one. */
  async #takeEnds(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const records = await this.#untilDone(() => this.#partition.take(takeMost, signal));
      const last = records?.at(-1);
      if (!records || !last) continue;
      const ends = records.flatMap((record) => {
        const change = record.value === null ? undefined : changeOf(record)?.data;
        return change && isOver(change.state) ? [change] : [];
      });
      await this.#untilDone(async () => {
        const made = ends.length > 0 ? await this.#messagesOf(ends) : [];
        // Positions alone are moved with what is taken next: the same records again change nothing.
        const position = { offset: last.offset + 1, metadata: '' };
        if (made.length > 0 || records.length === takeMost) await this.#commit(made, position);
        else this.#position = position;
      });
    }
  }

  async #messagesOf(
    ends: readonly { job: string; state: string; request: { record: string } }[],
  ): Promise<NewRecord[]> {
    const { board, ledger, describe, clock } = this.#around;
    await Promise.all([board.caughtUp(), ledger.caughtUp()]);
    const now = clock.now();
    const made = new Map<string, NewRecord>();
    for (const end of ends) {
      const job = board.board.get(end.job);
      // Deleted, or asked for again: its own end is told then.
      if (!job || job.state !== end.state || job.record !== end.request.record) continue;
      // It may have been told of and forgotten since: where the group lost its place, all of the topic comes again.
      if (job.changed < now - keptMs) continue;
      const { partition } = this.#partition;
      const message = job.request?.webhook && messageOf(job, describe(job), { partition, now });
      if (message && !ledger.ledger.get(message.id)) made.set(message.id, deliveryRecord(ledger.topic, message));
    }
    return [...made.values()];
  }

  /** Makes each attempt when it is due. */
  async #send(): Promise<void> {
    const { ledger, clock, turns } = this.#around;
    const { signal } = this.#stopping;
    await this.#untilDone(() => ledger.caughtUp());
    const leaves = [
      ledger.onChange(() => this.#wake()),
      turns.onFree(() => this.#wake()),
      this.#around.metrics.showWaiting(() => ledger.ledger.waiting(this.#partition.partition)),
    ];
    let swept = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      const now = clock.now();
      const { partition } = this.#partition;
      // Those under way are due as well, and stand before the others.
      const due = ledger.ledger.due(partition, now, (host) => turns.mostOf(host));
      for (const delivery of due) this.#begin(delivery);
      if (clock.elapsed() - swept >= sweepMs) {
        swept = clock.elapsed();
        await this.#sweep(now);
      }
      const next = ledger.ledger.nextDue(partition, now) ?? Number.POSITIVE_INFINITY;
      const { signal: awake, letGo } = either(signal, woken.signal);
      await clock.sleep(Math.min(next - now, lookMs), awake);
      letGo();
    }
    for (const leave of leaves) leave();
  }

  #begin(delivery: WebhookDelivery): void {
    const { turns } = this.#around;
    const host = hostOf(delivery.url);
    if (this.#attempts.has(delivery.id) || !turns.take(host)) return;
    const done = this.#attempt(delivery).finally(() => {
      this.#attempts.delete(delivery.id);
      turns.free(host);
    });
    this.#attempts.set(delivery.id, done);
  }

  async #attempt(delivery: WebhookDelivery): Promise<void> {
    const { ledger, receivers, clock, random, log, metrics } = this.#around;
    const { signal } = this.#stopping;
    const at = clock.now();
    let next: WebhookDelivery;
    if (ledger.ledger.isDisabled(delivery)) {
      const { due: _, ...rest } = delivery;
      next = { ...rest, state: 'disabled' };
    } else {
      const outcome = await receivers.post(delivery, clock, signal).catch(() => undefined);
      if (!outcome) return;
      next = afterAttempt(delivery, outcome, { at, now: clock.now(), random });
      metrics.webhookAttempts.inc({ outcome: next.state === 'pending' ? 'retried' : next.state });
      if (next.state === 'failed' || next.state === 'disabled')
        log.warn({ webhook: next.id, job: next.job, error: outcome.error, tries: next.tries }, `Webhook ${next.state}`);
    }
    const since = new Date(at).toISOString();
    const { source, url } = delivery;
    const gone = next.state === 'disabled' ? [disabledRecord(ledger.topic, { source, url, since })] : [];
    await this.#untilDone(async () => {
      // Its job may have been deleted meanwhile: what is said of the message then would bring it back.
      await ledger.caughtUp();
      if (!ledger.ledger.get(delivery.id)) return;
      await this.#commit([deliveryRecord(ledger.topic, next), ...gone], this.#position);
    });
    // Not before it is known here: else it would be due again.
    await this.#untilDone(() => ledger.caughtUp());
  }

  async #sweep(now: number): Promise<void> {
    const { ledger } = this.#around;
    const old = ledger.ledger.endedBefore(this.#partition.partition, now - keptMs);
    if (old.length === 0) return;
    const forgotten = old.map((id) => forgetting(ledger.topic, id));
    await this.#untilDone(() => this.#commit(forgotten, this.#position));
  }

  /** One at a time; the position never moves back. */
  #commit(outputs: NewRecord[], position: GroupPosition): Promise<void> {
    const work = this.#commits
      .catch(() => {})
      .then(async () => {
        const to = position.offset > this.#position.offset ? position : this.#position;
        await this.#partition.commit(outputs, to);
        this.#position = to;
      });
    this.#commits = work;
    return work;
  }

  /** Again after a failure of the log, until it succeeds, this process is to stop, or the partition is another's. */
  async #untilDone<T>(work: () => Promise<T>): Promise<T | undefined> {
    const { signal } = this.#stopping;
    let told = '';
    while (!signal.aborted) {
      try {
        return await work();
      } catch (thrown) {
        if (signal.aborted) return undefined;
        const { code, message } = asVimiError(thrown);
        if (code === 'TRANSPORT_FENCED') {
          this.#stopping.abort();
          this.#wake();
          return undefined;
        }
        if (code !== told) this.#around.log.warn({ code, error: message }, 'Webhooks wait for the log');
        told = code;
        await pause(retryMs, undefined, { signal }).catch(() => {});
      }
    }
    return undefined;
  }
}
