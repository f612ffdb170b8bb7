import type { NewRecord } from './record.js';
import { placeNamed } from './replay.js';

/** Names records in a list of names, as topics have no comma in theirs. */
const deletesHeader = 'vimi_deletes';

/**
 * That a job was deleted: on its topic a record without value, under the key of the job. Clocks do not say what was asked before
 * and what afterwards, so it names the requests that it deletes.
 */
export class JobDeletion {
  /** The records that asked for the job, as `newestOf` gives them; undefined: nobody says. */
  readonly deletes: readonly string[] | undefined;

  constructor(deletes: readonly string[] | undefined) {
    this.deletes = deletes;
  }

  /** `record`: one without value. */
  static of({ headers }: { headers: Record<string, Buffer> }): JobDeletion {
    return new JobDeletion(headers[deletesHeader]?.toString().split(','));
  }

  record(topic: string, job: string): NewRecord {
    const headers = new Map(this.deletes?.length ? [[deletesHeader, Buffer.from(this.deletes.join(','))]] : []);
    return { topic, key: Buffer.from(job), value: null, headers: Object.fromEntries(headers) };
  }
}

/**
 * Of records that ask for one job, by their names for good, in each partition the last one and the one with the latest time: what
 * lies before both was deleted with it. A topic that is made anew counts from 0 again, but later.
 */
export function newestOf(records: readonly string[]): string[] {
  const newest = new Map<string, string>();
  for (const record of records)
    for (const by of ['offset', 'written'] as const) {
      const { topic, partition, [by]: reached } = placeNamed(record);
      const where = `${topic}-${partition} ${by}`;
      const other = newest.get(where);
      if (other === undefined || placeNamed(other)[by] < reached) newest.set(where, record);
    }
  return [...new Set(newest.values())];
}

/** Whether a record that asks for a job was deleted with it. */
export function isDeleted(record: string, deleted: readonly string[]): boolean {
  const { topic, partition, offset, written } = placeNamed(record);
  const beside = deleted.map(placeNamed).filter((one) => one.topic === topic && one.partition === partition);
  return beside.some((one) => offset <= one.offset) && beside.some((one) => written <= one.written);
}
