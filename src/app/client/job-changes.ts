import { asVimiError, VimiError } from '../../core/errors.js';
import type { JobDeletion } from '../../events/job-deletion.js';
import { placeOf } from '../../events/replay.js';
import type { KnownJob } from '../../stores/jobs/jobs.js';
import type { Transport } from '../../streams/transports/transport.js';
import { endsOf } from '../new-records.js';
import { saidBy } from './told-jobs.js';

export interface Listener {
  /** `place`: of the record that says so (placeOf). */
  changed(change: KnownJob | JobDeletion, place: string): void;
  failed(error: VimiError): void;
}

/** What the jobs topic says from now on, read once for all jobs that somebody listens to. */
export class JobChanges {
  readonly #transport: Transport;
  readonly #topic: string;
  readonly #listeners = new Map<string, Set<Listener>>();
  readonly #closing = new AbortController();
  #begun: Promise<void> | undefined;
  #reading: Promise<void> = Promise.resolve();

  constructor(transport: Transport, topic: string) {
    this.#transport = transport;
    this.#topic = topic;
  }

  /** Once resolved, whatever is published from then on is heard, until the listener is taken away by what this gives. */
  async listen(job: string, listener: Listener): Promise<() => void> {
    const all = this.#listeners.get(job) ?? new Set();
    this.#listeners.set(job, all.add(listener));
    const leave = () => {
      if (all.delete(listener) && all.size === 0) this.#listeners.delete(job);
    };
    try {
      this.#begun ??= this.#begin();
      await this.#begun;
    } catch (thrown) {
      this.#begun = undefined;
      leave();
      throw thrown;
    }
    return leave;
  }

  /** All that was said of a job until now, oldest first. Reads the whole topic. */
  async history(job: string): Promise<{ change: KnownJob | JobDeletion; place: string }[]> {
    const changes: { change: KnownJob | JobDeletion; place: string }[] = [];
    for await (const record of this.#transport.read(this.#topic)) {
      const said = saidBy(record);
      if (said?.job === job) changes.push({ change: said.change, place: placeOf(record) });
    }
    return changes;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await this.#reading;
    this.#fail(new VimiError('CANCELLED', 'The client was closed'));
  }

  #fail(error: VimiError): void {
    for (const all of [...this.#listeners.values()]) for (const listener of [...all]) listener.failed(error);
  }

  async #begin(): Promise<void> {
    const from = await endsOf(this.#transport, this.#topic);
    this.#reading = this.#read(from);
  }

  async #read(from: Record<number, number>): Promise<void> {
    const { signal } = this.#closing;
    try {
      for await (const record of this.#transport.read(this.#topic, { from, follow: true, signal })) {
        const said = saidBy(record);
        if (!said) continue;
        for (const listener of [...(this.#listeners.get(said.job) ?? [])])
          listener.changed(said.change, placeOf(record));
      }
    } catch (thrown) {
      if (signal.aborted) return;
      // Who listens next begins anew.
      this.#begun = undefined;
      this.#fail(asVimiError(thrown));
    }
  }
}
