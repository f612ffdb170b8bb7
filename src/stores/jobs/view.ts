import type Database from 'better-sqlite3';
import { type Placed, Positions } from '../positions.js';
import { openView } from '../view-file.js';
import type { KnownJob } from './jobs.js';
import { succeed } from './succession.js';

export interface Change extends Placed {
  /** The key: the job that is told of. */
  job: string;
  /** null: it is to be forgotten. undefined: nothing that this view could hold. */
  change: KnownJob | null | undefined;
}

export interface Remembered {
  job: KnownJob;
  /** A change that came too late is the newest record of its key: compaction would keep that one alone. */
  isHidden: boolean;
}

/**
 * What the jobs topic says of each job, one row a job.
 */
export class JobsView {
  readonly #file: Database.Database;
  readonly #sql;
  readonly #positions = new Positions();

  constructor(path: string) {
    this.#file = openView(
      path,
      `
      CREATE TABLE jobs (job TEXT PRIMARY KEY, request TEXT NOT NULL, hidden INTEGER NOT NULL, json TEXT NOT NULL);
      CREATE INDEX jobs_by_request ON jobs (request);
      CREATE INDEX hidden_jobs ON jobs (job) WHERE hidden = 1;
    `,
    );
    this.#sql = {
      get: this.#file.prepare('SELECT json, hidden FROM jobs WHERE job = ?'),
      named: this.#file.prepare('SELECT json FROM jobs WHERE request = ? ORDER BY job').pluck(),
      put: this.#file.prepare('INSERT OR REPLACE INTO jobs (job, request, hidden, json) VALUES (?, ?, 0, ?)'),
      hidden: this.#file.prepare('SELECT json FROM jobs WHERE hidden = 1 ORDER BY job').pluck(),
      hide: this.#file.prepare('UPDATE jobs SET hidden = 1 WHERE job = ?'),
      forget: this.#file.prepare('DELETE FROM jobs WHERE job = ?'),
    };
  }

  get(job: string): Remembered | undefined {
    const row = this.#sql.get.get(job) as { json: string; hidden: number } | undefined;
    return row && { job: JSON.parse(row.json) as KnownJob, isHidden: row.hidden === 1 };
  }

  named(id: string): KnownJob[] {
    return (this.#sql.named.all(id) as string[]).map((json) => JSON.parse(json) as KnownJob);
  }

  /** The jobs of which the newest record is a change that came too late. */
  hidden(): KnownJob[] {
    return (this.#sql.hidden.all() as string[]).map((json) => JSON.parse(json) as KnownJob);
  }

  /** The next offset of each partition. */
  get positions(): Record<number, number> {
    return this.#positions.next;
  }

  reached(partition: number): number {
    return this.#positions.next[partition] ?? 0;
  }

  /** Takes changes in, all or none; gives the jobs that they told of. */
  apply(changes: Change[]): Set<string> {
    const told = new Set<string>();
    const take = ({ job, change }: Change) => {
      // Not ours, or no job's.
      if (change === undefined || job === '') return;
      told.add(job);
      if (change === null) {
        this.#sql.forget.run(job);
        return;
      }
      const next = succeed(this.get(job)?.job, change);
      if (next) this.#sql.put.run(job, next.request.id, JSON.stringify(next));
      else this.#sql.hide.run(job);
    };
    this.#positions.advance(changes, take, (work) => this.#file.transaction(work)());
    return told;
  }

  close(): void {
    this.#file.close();
  }
}
