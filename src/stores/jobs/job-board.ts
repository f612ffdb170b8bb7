import type Database from 'better-sqlite3';
import { isDeleted, JobDeletion, newestOf } from '../../events/job-deletion.js';
import type { ContextEntry, ObjectRef } from '../../events/prompt.js';
import { placeNamed } from '../../events/replay.js';
import type { GenerationRequested, JobChanged, VideoCompleted } from '../../events/schemas.js';
import { type Placed, Positions } from '../positions.js';
import { openView } from '../view-file.js';
import { JobQueue, type QueuePlace } from './job-queue.js';
import type { KnownJob } from './jobs.js';
import { tell } from './succession.js';

/*
 * All jobs of a pipeline as three topics tell of them, one row a job: requests (what was asked, and when), jobs (what became
 * of it) and videos (what was made). The topics are the truth and everybody reads them alike, so every process that keeps a
 * board gives the same answers. The file is made anew at each start.
 */

/** Where a record lies, and when it was written: milliseconds since 1970. */
export interface BoardRow extends Placed {
  timestamp: number;
}

export interface RequestRow extends BoardRow {
  job: string;
  /** The record by its name for good: topic-partition-offset@milliseconds. */
  record: string;
  source: string;
  id: string;
  payload: string;
  /** Without the bytes of its images. */
  request: GenerationRequested;
}

export interface ChangeRow extends BoardRow {
  /** The record's key. */
  job: string;
  /** undefined: no change of a job of this pipeline. */
  change: KnownJob | JobDeletion | undefined;
}

export interface VideoRow extends BoardRow {
  job: string;
  video: MadeVideo;
  /** That its denoising took. */
  seconds?: number | undefined;
}

/** What a board keeps of a finished video. */
export type MadeVideo = Pick<
  VideoCompleted,
  'width' | 'height' | 'frames' | 'fps' | 'model' | 'thumbnail' | 'spritesheet' | 'last_frame'
> & {
  object: ObjectRef;
  seed: number;
  context: ContextEntry[];
  /** Parts of the prompt that the model did not read; left out: none. */
  unread?: number[] | undefined;
};

export interface BoardJob {
  job: string;
  source: string;
  id: string;
  /** Milliseconds since 1970: when it was asked for, and when its state changed last. */
  created: number;
  changed: number;
  /** The record of the request that is (or was) served; undefined before anything was said of it. */
  record?: string | undefined;
  /** Grows with each change: the next offset behind it on the jobs topic; 0 before the first. */
  version: number;
  state: JobChanged['state'];
  progress?: number | undefined;
  context?: JobChanged['context'];
  /** The newest one of a job that is drawn. */
  preview?: ObjectRef | undefined;
  /** When its denoising began; undefined: it has not, or nobody said so. */
  started?: number | undefined;
  error?: JobChanged['error'];
  video?: ObjectRef | undefined;
  payload?: string | undefined;
  /** undefined: its topic keeps the request no more. */
  request?: GenerationRequested | undefined;
  made?: MadeVideo | undefined;
}

export interface ListedBoard {
  /** Only jobs behind this one, in the order asked for. */
  after?: string | undefined;
  limit: number;
  order: 'asc' | 'desc';
  state?: JobChanged['state'] | undefined;
  /** Only requests of this source. */
  source?: string | undefined;
}

/** Numbers of jobs that are not over. */
export interface LiveJobs {
  all: number;
  own: number;
  below: number;
}

interface Row {
  job: string;
  created: number;
  changed: number;
  version: number;
  state: JobChanged['state'];
  known: string | null;
}

export type BoardTopic = 'requests' | 'jobs' | 'videos';

export class JobBoard {
  readonly #file: Database.Database;
  readonly #queue: JobQueue;
  readonly #sql;
  readonly #positions: Record<BoardTopic, Positions> = {
    requests: new Positions(),
    jobs: new Positions(),
    videos: new Positions(),
  };

  /** `ageingMs`: of the pipeline. */
  constructor(path: string, ageingMs: number) {
    this.#file = openView(
      path,
      `
      CREATE TABLE jobs (
        job TEXT PRIMARY KEY, source TEXT NOT NULL, created INTEGER NOT NULL, changed INTEGER NOT NULL,
        version INTEGER NOT NULL, state TEXT NOT NULL, known TEXT
      );
      CREATE INDEX jobs_by_time ON jobs (created, job);
      CREATE INDEX jobs_by_state ON jobs (state, created, job);
      CREATE INDEX live_jobs ON jobs (source) WHERE state IN ('queued', 'in_progress');
      CREATE TABLE requests (
        job TEXT NOT NULL, record TEXT NOT NULL, created INTEGER NOT NULL, json TEXT NOT NULL, PRIMARY KEY (job, record)
      );
      CREATE TABLE videos (job TEXT PRIMARY KEY, json TEXT NOT NULL);
      CREATE TABLE deletions (job TEXT PRIMARY KEY, deleted TEXT NOT NULL, created INTEGER, source TEXT);
    `,
    );
    this.#queue = new JobQueue(this.#file, ageingMs);
    const prepare = (sql: string) => this.#file.prepare(sql);
    this.#sql = {
      get: prepare('SELECT job, created, changed, version, state, known FROM jobs WHERE job = ?'),
      put: prepare(`
        INSERT INTO jobs (job, source, created, changed, version, state, known)
        VALUES (@job, @source, @created, @changed, @version, @state, @known)
        ON CONFLICT (job) DO UPDATE SET source = @source, created = @created, changed = @changed, version = @version,
          state = @state, known = @known
      `),
      forget: ['jobs', 'videos'].map((table) => prepare(`DELETE FROM ${table} WHERE job = ?`)),
      requests: prepare('SELECT record, created FROM requests WHERE job = ?'),
      forgetRequest: prepare('DELETE FROM requests WHERE job = ? AND record = ?'),
      deleted: prepare('SELECT deleted FROM deletions WHERE job = ?').pluck(),
      putDeleted: prepare(`
        INSERT INTO deletions (job, deleted, created, source) VALUES (@job, @deleted, @created, @source)
        ON CONFLICT (job) DO UPDATE SET deleted = @deleted, created = COALESCE(@created, created), source = COALESCE(@source, source)
      `),
      askedDeleted: prepare(`
        UPDATE deletions SET created = COALESCE(created, @created), source = COALESCE(source, @source) WHERE job = @job
      `),
      placeOfDeleted: prepare('SELECT created, source FROM deletions WHERE job = ? AND created IS NOT NULL'),
      request: prepare('SELECT json FROM requests WHERE job = ? AND record = ?').pluck(),
      firstRequest: prepare(
        'SELECT json, created FROM requests WHERE job = ? ORDER BY created, LENGTH(record), record LIMIT 1',
      ),
      askedAgain: prepare(`
        SELECT json, created FROM requests WHERE job = ? AND created > ? AND record != ? ORDER BY created, LENGTH(record), record LIMIT 1
      `),
      putRequest: prepare('INSERT OR REPLACE INTO requests (job, record, created, json) VALUES (?, ?, ?, ?)'),
      video: prepare('SELECT json FROM videos WHERE job = ?').pluck(),
      putVideo: prepare('INSERT OR REPLACE INTO videos (job, json) VALUES (?, ?)'),
      live: prepare(`
        SELECT COUNT(*) AS "all", COUNT(*) FILTER (WHERE source = @source) AS own,
          COUNT(*) FILTER (WHERE source = @above OR source >= @from AND source < @to) AS below
        FROM jobs WHERE state IN ('queued', 'in_progress')
      `),
      unheard: prepare(`
        SELECT requests.job, requests.record FROM requests JOIN jobs USING (job) WHERE jobs.version = 0
      `),
    };
  }

  /** The next offset that is wanted of each partition. */
  positions(topic: BoardTopic): Record<number, number> {
    return this.#positions[topic].next;
  }

  get(job: string): BoardJob | undefined {
    const row = this.#sql.get.get(job) as Row | undefined;
    return row && this.#whole(row);
  }

  /** Undefined: there is no job `after`, or it is of another source. */
  list({ after, limit, order, state, source }: ListedBoard): BoardJob[] | undefined {
    const mark = after === undefined ? undefined : this.#placeOf(after);
    if (after !== undefined && !mark) return undefined;
    if (mark && source !== undefined && mark.source !== source) return undefined;
    const rules = [
      mark && `(created, job) ${order === 'asc' ? '>' : '<'} (@created, @mark)`,
      state && 'state = @state',
      source !== undefined && 'source = @source',
    ].filter(Boolean);
    const where = rules.length > 0 ? `WHERE ${rules.join(' AND ')}` : '';
    const rows = this.#file
      .prepare(
        `SELECT job, created, changed, version, state, known FROM jobs ${where} ORDER BY created ${order}, job ${order} LIMIT @limit`,
      )
      .all({ limit, ...(mark && { created: mark.created, mark: after }), ...(state && { state }), source }) as Row[];
    return rows.map((row) => this.#whole(row));
  }

  /** Where a job stands in the list, or stood before it was deleted: whoever deletes one page still gets the next. */
  #placeOf(job: string): { created: number; source: string } | undefined {
    const row = this.#sql.get.get(job) as Row | undefined;
    if (row) return { created: row.created, source: this.#whole(row).source };
    return this.#sql.placeOfDeleted.get(job) as { created: number; source: string } | undefined;
  }

  /** How many jobs are not over: all, those of a `source`, and those of `above` and of the sources below it, as `/a/b` is below `/a`. */
  live({ source = null, above }: { source?: string | null; above: string }): LiveJobs {
    // The character behind "/" is "0".
    return this.#sql.live.get({ source, above, from: `${above}/`, to: `${above}0` }) as LiveJobs;
  }

  /** The place in the queue of a job that waits, as it is at a moment. */
  place({ job }: Pick<BoardJob, 'job'>, now: number): QueuePlace {
    return this.#queue.of(job, now);
  }

  /** Requests of which the jobs topic says nothing. */
  unheard(): { job: string; record: string }[] {
    return this.#sql.unheard.all() as { job: string; record: string }[];
  }

  /** Forgets a job, unless something was said of it meanwhile. */
  forgetUnheard(job: string): void {
    if ((this.#sql.get.get(job) as Row | undefined)?.version === 0) {
      this.#forgetRequests(job, () => true);
      this.#forget(job);
    }
  }

  /** What would delete a job as it is known here. */
  deletionOf(job: string): JobDeletion {
    const known = this.#known(job)?.request.record;
    const asked = (this.#sql.requests.all(job) as { record: string }[]).map(({ record }) => record);
    return new JobDeletion(newestOf([...this.#deleted(job), ...asked, ...(known === undefined ? [] : [known])]));
  }

  /** Takes requests in; gives the jobs that are new. */
  applyRequests(rows: readonly (RequestRow | BoardRow)[]): Set<string> {
    return this.#apply('requests', rows, (row, told) => {
      if (!('job' in row)) return;
      const { job, record, source, id, payload, request, timestamp } = row;
      if (isDeleted(record, this.#deleted(job))) {
        this.#sql.askedDeleted.run({ job, source, created: timestamp });
        return;
      }
      this.#sql.putRequest.run(job, record, timestamp, JSON.stringify({ source, id, payload, request }));
      const before = this.#sql.get.get(job) as Row | undefined;
      if (!before) {
        this.#ask(job, source, timestamp);
        told.add(job);
      } else if (before.state === 'failed') {
        const next = this.#perhapsAgain({ ...before, source: this.#whole(before).source });
        this.#sql.put.run(next);
        if (next.state !== before.state) told.add(job);
      }
      this.#noteAsked(job);
    });
  }

  /** Takes changes in; gives the jobs that are told of. */
  applyChanges(rows: readonly ChangeRow[]): Set<string> {
    return this.#apply('jobs', rows, ({ job, change, offset, timestamp }, told) => {
      if (change === undefined) return;
      told.add(job);
      const before = this.#sql.get.get(job) as Row | undefined;
      const { job: next, deleted, isHidden } = tell({ job: this.#known(job), deleted: this.#deleted(job) }, change);
      if (change instanceof JobDeletion) {
        const { created = null, source = null } = this.#placeOf(job) ?? {};
        this.#sql.putDeleted.run({ job, deleted: JSON.stringify(deleted), created, source });
        // Who does not say what it deletes means what was asked before.
        const isOld = change.deletes ? () => false : (created: number) => created <= timestamp;
        this.#forgetRequests(job, ({ record, created }) => isDeleted(record, deleted) || isOld(created));
        if (!isHidden) this.#forget(job);
        return;
      }
      if (!next || isHidden) return;
      this.#sql.put.run(
        this.#perhapsAgain({
          ...{ job, source: next.request.source, state: next.state, known: JSON.stringify(next) },
          ...{ created: placeNamed(next.request.record).written || (before?.created ?? timestamp), changed: timestamp },
          version: offset + 1,
        }),
      );
      this.#noteAsked(job);
      this.#queue.ran(job, { started: timeOf(next.started_at), progress: next.progress });
    });
  }

  applyVideos(rows: readonly (VideoRow | BoardRow)[]): Set<string> {
    return this.#apply('videos', rows, (row) => {
      if (!('job' in row)) return;
      const { job, video, seconds } = row;
      this.#sql.putVideo.run(job, JSON.stringify(video));
      const { name, weights, backend } = video.model;
      if (seconds !== undefined) this.#queue.made(job, seconds, JSON.stringify([name, weights, backend]));
    });
  }

  close(): void {
    this.#file.close();
  }

  #apply<R extends BoardRow>(
    topic: BoardTopic,
    rows: readonly R[],
    take: (row: R, told: Set<string>) => void,
  ): Set<string> {
    const told = new Set<string>();
    this.#positions[topic].advance(
      rows,
      (row) => take(row, told),
      (work) => this.#file.transaction(work)(),
    );
    return told;
  }

  /** What was asked for under the same name later is a job again. */
  #forget(job: string): void {
    for (const statement of this.#sql.forget) statement.run(job);
    const again = this.#firstRequest(job);
    if (!again) return;
    this.#ask(job, again.source, again.created);
    this.#noteAsked(job);
  }

  #forgetRequests(job: string, isOld: (asked: { record: string; created: number }) => boolean): void {
    for (const asked of this.#sql.requests.all(job) as { record: string; created: number }[])
      if (isOld(asked)) this.#sql.forgetRequest.run(job, asked.record);
  }

  /** A job that failed waits again once another record asks for it, also before anybody says that it takes it up. */
  #perhapsAgain<R extends Row>(row: R): R {
    const again = row.state === 'failed' ? this.#askedAgain(row) : undefined;
    return again ? { ...row, state: 'queued', created: again.created } : row;
  }

  /** What asks for a job that has failed, as it was said last. */
  #askedAgain({ job, changed, known }: Row): (AskedJson & { created: number }) | undefined {
    const { request } = JSON.parse(known!) as KnownJob;
    const row = this.#sql.askedAgain.get(job, changed, request.record) as { json: string; created: number } | undefined;
    return row && { ...(JSON.parse(row.json) as AskedJson), created: row.created };
  }

  /** Its place in the queue follows from what it asks for, as far as that is known. */
  #noteAsked(job: string): void {
    const row = this.#sql.get.get(job) as Row;
    const { request } = this.#whole(row);
    if (request) this.#queue.asked(job, request, row.created);
  }

  #known(job: string): KnownJob | undefined {
    const row = this.#sql.get.get(job) as Row | undefined;
    return row?.known ? (JSON.parse(row.known) as KnownJob) : undefined;
  }

  #deleted(job: string): string[] {
    const json = this.#sql.deleted.get(job) as string | undefined;
    return json === undefined ? [] : (JSON.parse(json) as string[]);
  }

  #ask(job: string, source: string, created: number): void {
    this.#sql.put.run({ job, source, created, changed: created, version: 0, state: 'queued', known: null });
  }

  #firstRequest(job: string): (AskedJson & { created: number }) | undefined {
    const row = this.#sql.firstRequest.get(job) as { json: string; created: number } | undefined;
    return row && { ...(JSON.parse(row.json) as AskedJson), created: row.created };
  }

  #whole(row: Row): BoardJob {
    const { job, created, changed, version, state, known } = row;
    const last = known === null ? undefined : (JSON.parse(known) as KnownJob);
    const again = last?.state === 'failed' && state === 'queued' ? this.#askedAgain(row) : undefined;
    // What was said of the try that failed says nothing of the next one.
    const said = again ? undefined : last;
    const own = said && (this.#sql.request.get(job, said.request.record) as string | undefined);
    const request = again ?? (own === undefined ? this.#firstRequest(job) : (JSON.parse(own) as AskedJson));
    const made = this.#sql.video.get(job) as string | undefined;
    return {
      ...{ job, created, changed, version, state },
      source: said?.request.source ?? request?.source ?? '',
      id: said?.request.id ?? request?.id ?? '',
      ...{ progress: said?.progress, error: said?.error, video: said?.video, started: timeOf(said?.started_at) },
      record: said?.request.record,
      ...{ context: said?.context, preview: said?.preview },
      payload: said?.request.payload ?? request?.payload,
      request: request?.request,
      made: made === undefined ? undefined : (JSON.parse(made) as MadeVideo),
    };
  }
}

type AskedJson = Pick<RequestRow, 'source' | 'id' | 'payload' | 'request'>;

/** Milliseconds since 1970; undefined for what is no moment. */
function timeOf(text: string | undefined): number | undefined {
  const moment = Date.parse(text ?? '');
  return Number.isNaN(moment) ? undefined : moment;
}
