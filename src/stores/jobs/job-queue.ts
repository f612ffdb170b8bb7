import type Database from 'better-sqlite3';
import type { GenerationRequested } from '../../events/schemas.js';
import { type Standing, standingOf, turnColumns } from './turn-order.js';

/** Of the videos that were made last: so many tell how long one takes. */
const measured = 256;
/** Of one kind, the newest count. */
const ofKind = 9;

export interface QueuePlace {
  /** Jobs that run, and those that wait and have their turn before. */
  ahead: number;
  /** Until its turn, by what such jobs took; undefined: not known. */
  seconds?: number | undefined;
}

interface Running {
  kind: string | null;
  started: number | null;
  progress: number | null;
  changed: number;
}

/**
 * The queue of a board's jobs: who is ahead of one that waits, and when its turn comes. It adds columns to the board's table of
 * jobs; `kind` names all jobs that take the same time, and videos have the seconds that their denoising took.
 */
export class JobQueue {
  readonly #ageing: number;
  readonly #sql;

  constructor(file: Database.Database, ageingMs: number) {
    this.#ageing = ageingMs;
    file.exec(`
      ALTER TABLE jobs ADD COLUMN priority INTEGER NOT NULL DEFAULT 1;
      ALTER TABLE jobs ADD COLUMN deadline INTEGER NOT NULL DEFAULT ${standingOf({}, 0).deadline};
      ALTER TABLE jobs ADD COLUMN kind TEXT;
      ALTER TABLE jobs ADD COLUMN started INTEGER;
      ALTER TABLE jobs ADD COLUMN progress REAL;
      ALTER TABLE videos ADD COLUMN seconds REAL;
      ALTER TABLE videos ADD COLUMN maker TEXT;
    `);
    const prepare = (sql: string) => file.prepare(sql);
    const before = `
      FROM jobs WHERE state = 'queued' AND (${turnColumns}, job) < (SELECT ${turnColumns}, job FROM jobs WHERE job = @job)
    `;
    this.#sql = {
      asked: prepare('UPDATE jobs SET priority = @priority, deadline = @deadline, kind = @kind WHERE job = @job'),
      ran: prepare('UPDATE jobs SET started = @started, progress = @progress WHERE job = @job'),
      made: prepare('UPDATE videos SET seconds = @seconds, maker = @maker WHERE job = @job'),
      running: prepare(`SELECT kind, started, progress, changed FROM jobs WHERE state = 'in_progress'`),
      before: prepare(`SELECT kind, COUNT(*) AS jobs ${before} GROUP BY kind`),
      times: prepare(`
        SELECT jobs.kind, videos.seconds FROM videos JOIN jobs USING (job)
        WHERE jobs.kind IS NOT NULL AND videos.maker = (SELECT maker FROM videos ORDER BY rowid DESC LIMIT 1)
        ORDER BY videos.rowid DESC LIMIT ${measured}
      `),
    };
  }

  /** What a job asks for is known. */
  asked(job: string, request: Partial<GenerationRequested>, arrived: number): void {
    const { priority, deadline }: Standing = standingOf(request, arrived);
    this.#sql.asked.run({ job, priority, deadline, kind: kindOf(request) });
  }

  /** How far a job is. Milliseconds since 1970. */
  ran(job: string, { started, progress }: { started: number | undefined; progress: number | undefined }): void {
    this.#sql.ran.run({ job, started: started ?? null, progress: progress ?? null });
  }

  /** A video took so long, on what names its model and backend. */
  made(job: string, seconds: number, maker: string): void {
    this.#sql.made.run({ job, seconds, maker });
  }

  /** Of a job that waits. */
  of(job: string, now: number): QueuePlace {
    const before = this.#sql.before.all({ job, now, ageing: this.#ageing }) as { kind: string | null; jobs: number }[];
    const running = this.#sql.running.all() as Running[];
    const ahead = running.length + before.reduce((sum, { jobs }) => sum + jobs, 0);
    const times = this.#times();
    const left = running.map((one) => leftOf(one, times, now));
    const work = before.reduce(
      (sum, { kind, jobs }) => sum + jobs * (times.get(kind) ?? Number.NaN),
      left.reduce((sum, one) => sum + one, 0),
    );
    // One that has had its time has left the model, as a rule, and is being encoded. While none runs, nobody knows whether one will.
    const atOnce = Math.max(1, left.filter((one) => one > 0).length);
    const seconds = running.length > 0 ? work / atOnce : Number.NaN;
    return { ahead, ...(Number.isFinite(seconds) && { seconds }) };
  }

  /** The median of the newest of each kind. */
  #times(): Map<string | null, number> {
    const all = new Map<string, number[]>();
    for (const { kind, seconds } of this.#sql.times.all() as { kind: string; seconds: number }[]) {
      const known = all.get(kind) ?? [];
      all.set(kind, known);
      if (known.length < ofKind) known.push(seconds);
    }
    return new Map([...all].map(([kind, some]) => [kind, some.sort((a, b) => a - b)[some.length >> 1]!]));
  }
}

/** Seconds until a job that runs is done, by what its kind took, or by its own steps so far; NaN: not known. */
function leftOf({ kind, started, progress, changed }: Running, times: Map<string | null, number>, now: number): number {
  if (started === null) return Number.NaN;
  const own = progress !== null && progress > 0 ? (changed - started) / 1000 / progress : Number.NaN;
  // A clock that was set back since does not make it longer.
  return Math.max(0, (times.get(kind) ?? own) - Math.max(0, now - started) / 1000);
}

/** The same for requests that take the same time of a model. */
function kindOf({ frames, width, height, steps, guidance, prompt }: Partial<GenerationRequested>): string {
  const images = Array.isArray(prompt) ? prompt.filter((part) => part.image).length : 0;
  return JSON.stringify([frames, width, height, steps, guidance, images].map((one) => one ?? null));
}
