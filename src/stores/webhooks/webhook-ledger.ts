import type Database from 'better-sqlite3';
import type { DeliveryState, WebhookDelivery } from '../../events/webhook-events.js';
import { receiverKey, type WebhookRow } from '../../events/webhook-records.js';
import { Positions } from '../positions.js';
import { openView } from '../view-file.js';

export interface ListedDeliveries {
  /** Only messages behind this one, the newest first. */
  after?: string | undefined;
  limit: number;
  state?: DeliveryState | undefined;
  source?: string | undefined;
  job?: string | undefined;
}

/** Messages to receivers as their compacted topic tells of them; a file that is made anew at each start. */
export class WebhookLedger {
  readonly #file: Database.Database;
  readonly #sql;
  readonly #positions = new Positions();

  constructor(path: string) {
    this.#file = openView(
      path,
      `
      CREATE TABLE deliveries (
        id TEXT PRIMARY KEY, job TEXT NOT NULL, source TEXT NOT NULL, host TEXT NOT NULL, partition INTEGER NOT NULL,
        state TEXT NOT NULL, created INTEGER NOT NULL, since INTEGER NOT NULL, due INTEGER NOT NULL, json TEXT NOT NULL
      );
      CREATE INDEX deliveries_by_due ON deliveries (partition, state, host, due);
      CREATE INDEX deliveries_by_since ON deliveries (partition, state, since);
      CREATE INDEX deliveries_by_time ON deliveries (created, id);
      CREATE INDEX deliveries_by_job ON deliveries (job);
      CREATE TABLE disabled (receiver TEXT PRIMARY KEY);
    `,
    );
    const prepare = (sql: string) => this.#file.prepare(sql);
    this.#sql = {
      get: prepare('SELECT json FROM deliveries WHERE id = ?').pluck(),
      put: prepare(`
        INSERT OR REPLACE INTO deliveries (id, job, source, host, partition, state, created, since, due, json)
        VALUES (@id, @job, @source, @host, @partition, @state, @created, @since, @due, @json)
      `),
      // Its wait as it was, from now on.
      waitAnew: prepare(`
        UPDATE deliveries SET due = due - since + @now, since = @now
        WHERE partition = @partition AND state = 'pending' AND since > @now
      `),
      forget: prepare('DELETE FROM deliveries WHERE id = ?'),
      disable: prepare('INSERT OR IGNORE INTO disabled (receiver) VALUES (?)'),
      enable: prepare('DELETE FROM disabled WHERE receiver = ?'),
      isDisabled: prepare('SELECT 1 FROM disabled WHERE receiver = ?').pluck(),
      hosts: prepare(`
        SELECT DISTINCT host FROM deliveries WHERE partition = ? AND state = 'pending' AND due <= ?
      `).pluck(),
      due: prepare(`
        SELECT json FROM deliveries WHERE partition = ? AND state = 'pending' AND host = ? AND due <= ? ORDER BY due LIMIT ?
      `).pluck(),
      next: prepare(`
        SELECT MIN(due) FROM deliveries WHERE partition = ? AND state = 'pending' AND due > ?
      `).pluck(),
      waiting: prepare(`SELECT COUNT(*) FROM deliveries WHERE partition = ? AND state = 'pending'`).pluck(),
      old: prepare(`
        SELECT id FROM deliveries WHERE partition = ? AND state <> 'pending' AND created < ? LIMIT 100
      `).pluck(),
      ofJob: prepare('SELECT id FROM deliveries WHERE job = ?').pluck(),
    };
  }

  positions(): Record<number, number> {
    return this.#positions.next;
  }

  get(id: string): WebhookDelivery | undefined {
    const json = this.#sql.get.get(id) as string | undefined;
    return json === undefined ? undefined : (JSON.parse(json) as WebhookDelivery);
  }

  /** Undefined: there is no message `after`, or it is of another source. */
  list({ after, limit, state, source, job }: ListedDeliveries): WebhookDelivery[] | undefined {
    const mark = after === undefined ? undefined : this.get(after);
    if (after !== undefined && (!mark || (source !== undefined && mark.source !== source))) return undefined;
    const rules = [
      mark && '(created, id) < (@created, @mark)',
      state && 'state = @state',
      source !== undefined && 'source = @source',
      job !== undefined && 'job = @job',
    ].filter(Boolean);
    const where = rules.length > 0 ? `WHERE ${rules.join(' AND ')}` : '';
    return this.#file
      .prepare(`SELECT json FROM deliveries ${where} ORDER BY created DESC, id DESC LIMIT @limit`)
      .pluck()
      .all({ limit, state, source, job, created: mark && Date.parse(mark.created), mark: mark?.id })
      .map((json) => JSON.parse(json as string) as WebhookDelivery);
  }

  isDisabled(receiver: { source: string; url: string }): boolean {
    return this.#sql.isDisabled.get(receiverKey(receiver)) !== undefined;
  }

  /**
   * Messages that are due at `now` (milliseconds since 1970) in a partition, the oldest first: so many of each host. What was tried in
   * the future was put off by a clock that has been set back since, or by another one: it waits from now on.
   */
  due(partition: number, now: number, mostOfHost: (host: string) => number): WebhookDelivery[] {
    this.#sql.waitAnew.run({ partition, now });
    const hosts = this.#sql.hosts.all(partition, now) as string[];
    return hosts.flatMap((host) =>
      (this.#sql.due.all(partition, host, now, mostOfHost(host)) as string[]).map(
        (json) => JSON.parse(json) as WebhookDelivery,
      ),
    );
  }

  /** When the next one is due after `now`; undefined: none waits. */
  nextDue(partition: number, now: number): number | undefined {
    return (this.#sql.next.get(partition, now) as number | null) ?? undefined;
  }

  /** Messages that will be sent. */
  waiting(partition: number): number {
    return this.#sql.waiting.get(partition) as number;
  }

  /** Some that are over and were made before. */
  endedBefore(partition: number, moment: number): string[] {
    return this.#sql.old.all(partition, moment) as string[];
  }

  ofJob(job: string): string[] {
    return this.#sql.ofJob.all(job) as string[];
  }

  /** Takes records in, all or none; passes over what it has. */
  apply(rows: readonly WebhookRow[]): void {
    const take = (row: WebhookRow) => {
      if ('delivery' in row) this.#put(row.delivery);
      else if ('disabled' in row) this.#sql.disable.run(receiverKey(row.disabled));
      else if ('forgotten' in row) {
        this.#sql.forget.run(row.key);
        this.#sql.enable.run(row.key);
      }
    };
    this.#positions.advance(rows, take, (work) => this.#file.transaction(work)());
  }

  close(): void {
    this.#file.close();
  }

  #put(delivery: WebhookDelivery): void {
    const { id, job, source, url, partition, state, created, due, attempts, tries } = delivery;
    this.#sql.put.run({
      ...{ id, job, source, partition, state, host: hostOf(url), json: JSON.stringify(delivery) },
      created: Date.parse(created),
      // The first attempt is at once, whatever the clock of the machine on which a replay was asked for.
      due: due === undefined ? 0 : Date.parse(tries === 0 ? created : due),
      since: Date.parse(attempts.at(-1)?.at ?? created),
    });
  }
}

/** With its port. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : '';
}
