import type Database from 'better-sqlite3';
import type { JobDeletion } from '../../events/job-deletion.js';
import { type Placed, Positions } from '../positions.js';
import { openView } from '../view-file.js';
import type { KnownJob } from './jobs.js';
import { type Told, tell } from './succession.js';

export interface Change extends Placed {
  /** The key: the job that is told of. */
  job: string;
  /** undefined: nothing that this view could hold. */
  change: KnownJob | JobDeletion | undefined;
}

export interface Remembered extends Told {
  /** A change that came too late is the newest record of its key: compaction would keep that one alone. */
  isHidden: boolean;
}

interface Row {
  json: string | null;
  deleted: string;
  hidden: number;
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
      CREATE TABLE jobs (job TEXT PRIMARY KEY, request TEXT, json TEXT, deleted TEXT NOT NULL, hidden INTEGER NOT NULL);
      CREATE INDEX jobs_by_request ON jobs (request);
      CREATE INDEX hidden_jobs ON jobs (job) WHERE hidden = 1;
    `,
    );
    this.#sql = {
      get: this.#file.prepare('SELECT json, deleted, hidden FROM jobs WHERE job = ?'),
      named: this.#file.prepare('SELECT json FROM jobs WHERE request = ? ORDER BY job').pluck(),
      put: this.#file.prepare(
        'INSERT OR REPLACE INTO jobs (job, request, json, deleted, hidden) VALUES (@job, @request, @json, @deleted, @hidden)',
      ),
      hidden: this.#file.prepare('SELECT job FROM jobs WHERE hidden = 1 ORDER BY job').pluck(),
    };
  }

  get(job: string): Remembered {
    const row = this.#sql.get.get(job) as Row | undefined;
    if (!row) return { deleted: [], isHidden: false };
    const known = row.json === null ? undefined : (JSON.parse(row.json) as KnownJob);
    return { job: known, deleted: JSON.parse(row.deleted) as string[], isHidden: row.hidden === 1 };
  }

  named(id: string): KnownJob[] {
    return (this.#sql.named.all(id) as string[]).map((json) => JSON.parse(json) as KnownJob);
  }

  /** The jobs of which the newest record is a change that came too late. */
  hidden(): string[] {
    return this.#sql.hidden.all() as string[];
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
      const { job: known, deleted, isHidden } = tell(this.get(job), change);
      this.#sql.put.run({
        ...{ job, request: known?.request.id ?? null, json: known ? JSON.stringify(known) : null },
        ...{ deleted: JSON.stringify(deleted), hidden: isHidden ? 1 : 0 },
      });
    };
    this.#positions.advance(changes, take, (work) => this.#file.transaction(work)());
    return told;
  }

  close(): void {
    this.#file.close();
  }
}
