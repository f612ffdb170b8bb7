import { join } from 'node:path';
import type Database from 'better-sqlite3';
import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { ClipSettled, MediaSettled } from '../../events/schemas.js';
import { sampleName } from '../../operators/corpus/sample-name.js';
import { openHeap } from '../../stores/view-file.js';
import type { Transport } from '../../streams/transports/transport.js';
import { outcomesSince } from '../ingest/media-outcomes.js';
import { makeWorkFolder } from '../work-folder.js';

export interface OutcomeTopics {
  clips: string;
  media: string;
}

interface ClipRow {
  uri: string;
  start: number;
  rowid: number;
  json: string;
}

/** Rows read at once. */
const page = 1000;
/** Of the file, in KiB, that SQLite keeps in memory. */
const cacheKiB = 16_384;

/**
 * What became of all media and clips, as their topics say now, in a table on disk: looking at more of them takes no more
 * memory. It is made for one command, and gone with it.
 */
export class OutcomeTable {
  readonly #database: Database.Database;
  readonly #remove: () => Promise<void>;

  readonly #measured = new Set<string>();

  private constructor(database: Database.Database, remove: () => Promise<void>) {
    this.#database = database;
    this.#remove = remove;
  }

  /**
   * Reads both topics. Of a medium that came again, and was cut another way, only the clips of the last time count. Records
   * that are none are passed over: the topics are open to all who may write.
   */
  static async read(transport: Transport, topics: OutcomeTopics, work: string): Promise<OutcomeTable> {
    const folder = await makeWorkFolder(work, 'outcomes');
    const database = openHeap(
      join(folder.path, 'outcomes.sqlite'),
      `
        CREATE TABLE clips (key TEXT PRIMARY KEY, uri TEXT, event TEXT, at INTEGER, start REAL, sample TEXT, json TEXT);
        CREATE TABLE media (uri TEXT PRIMARY KEY, json TEXT);
      `,
      cacheKiB,
    );
    const table = new OutcomeTable(database, () => folder.remove());
    try {
      await table.#readClips(transport, topics.clips);
      await table.#readMedia(transport, topics.media);
      database.exec(`
        CREATE INDEX by_age ON clips (uri, at DESC);
        DELETE FROM clips WHERE event <> (SELECT event FROM clips AS one WHERE one.uri = clips.uri ORDER BY at DESC, rowid LIMIT 1);
        DROP INDEX by_age;
        CREATE INDEX by_place ON clips (uri, start);
        CREATE INDEX by_sample ON clips (sample);
        COMMIT;`);
      return table;
    } catch (thrown) {
      await table.close();
      throw thrown;
    }
  }

  /** The names of all scores that some clips have, or had before their medium came again. */
  get measured(): ReadonlySet<string> {
    return this.#measured;
  }

  /** In the order of their media, and of their place in them. */
  *clips(uri?: string): Generator<ClipSettled> {
    const next = this.#database.prepare(
      `SELECT uri, start, rowid, json FROM clips WHERE (uri, start, rowid) > (@uri, @start, @rowid) ${uri === undefined ? '' : 'AND uri = @uri'}
       ORDER BY uri, start, rowid LIMIT ${page}`,
    );
    let last: Omit<ClipRow, 'json'> = { uri: uri ?? '', start: -1, rowid: 0 };
    for (;;) {
      const rows = next.all({ uri: last.uri, start: last.start, rowid: last.rowid }) as ClipRow[];
      for (const { json } of rows) yield JSON.parse(json) as ClipSettled;
      if (rows.length < page) return;
      last = rows.at(-1)!;
    }
  }

  clipOf(uri: string, part: string): ClipSettled | null {
    return this.#clip('SELECT json FROM clips WHERE key = ?', `${uri}#${part}`);
  }

  /** Of a sample, by its name, if it has been or will be made. */
  clipOfSample(name: string): ClipSettled | null {
    return this.#clip('SELECT json FROM clips WHERE sample = ?', name);
  }

  #clip(sql: string, value: string): ClipSettled | null {
    const json = this.#database.prepare(sql).pluck().get(value);
    return json === undefined ? null : (JSON.parse(String(json)) as ClipSettled);
  }

  medium(uri: string): MediaSettled | null {
    const json = this.#database.prepare('SELECT json FROM media WHERE uri = ?').pluck().get(uri);
    return json === undefined ? null : (JSON.parse(String(json)) as MediaSettled);
  }

  knows(uri: string): boolean {
    const sql = 'SELECT EXISTS (SELECT 1 FROM media WHERE uri = @uri) OR EXISTS (SELECT 1 FROM clips WHERE uri = @uri)';
    return this.#database.prepare(sql).pluck().get({ uri }) === 1;
  }

  /** Media by their outcome. */
  mediaCounts(): Map<string, number> {
    const rows = this.#database.prepare(`
      SELECT CASE WHEN json_extract(json, '$.duplicate_of') = uri THEN 'delivered' ELSE json_extract(json, '$.outcome') END, count(*)
      FROM media GROUP BY 1`);
    rows.raw();
    return new Map(rows.all() as [string, number][]);
  }

  /** Media that have clips. */
  mediaWithClips(): number {
    return this.#database.prepare('SELECT count(DISTINCT uri) FROM clips').pluck().get() as number;
  }

  async close(): Promise<void> {
    this.#database.close();
    await this.#remove();
  }

  async #readClips(transport: Transport, topic: string): Promise<void> {
    const put = this.#database.prepare(
      `INSERT INTO clips VALUES (@key, @uri, @event, @at, @start, @sample, @json) ON CONFLICT (key) DO UPDATE SET
         uri = @uri, event = @event, at = @at, start = @start, sample = @sample, json = @json`,
    );
    const remove = this.#database.prepare('DELETE FROM clips WHERE key = ?');
    for await (const record of transport.read(topic)) {
      const key = record.key?.toString() ?? '';
      const clip = record.value === null ? undefined : clipIn(record);
      if (clip) {
        const { uri, event, part } = clip;
        for (const name of Object.keys(clip.scores)) this.#measured.add(name);
        const place = placeIn(clip.record);
        put.run({
          ...{ key, uri, event, at: record.timestamp, start: clip.clip.start },
          ...{ sample: place && sampleName(place, part), json: JSON.stringify(clip) },
        });
      } else if (record.value === null) remove.run(key);
    }
  }

  async #readMedia(transport: Transport, topic: string): Promise<void> {
    const put = this.#database.prepare('INSERT OR REPLACE INTO media VALUES (?, ?)');
    for await (const one of outcomesSince(transport, topic)) put.run(one.uri, JSON.stringify(one));
  }
}

export interface RecordPlace {
  topic: string;
  partition: number;
  offset: number;
}

/** `media-2-17`; null: no place of a record. */
export function placeIn(text: string): RecordPlace | null {
  const [, topic, partition, offset] = /^(.+)-(\d+)-(\d+)$/.exec(text) ?? [];
  return topic === undefined ? null : { topic, partition: Number(partition), offset: Number(offset) };
}

function clipIn(record: StoredRecord): ClipSettled | undefined {
  try {
    return decodeEvent(record, ['clip.settled']).data as ClipSettled;
  } catch {
    return undefined;
  }
}
