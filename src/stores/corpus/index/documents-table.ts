import { crc32 } from 'node:zlib';
import type { CorpusDocument } from '../../../events/schemas.js';
import { phrasesOf } from '../../../language/phrases.js';
import type { DocumentFilter, DocumentPage, DocumentSummary, RetrievedAs } from '../corpus.js';
import { fromBlob, toBlob } from '../ranking/checked-vector.js';
import { xorDigest } from '../ranking/digest.js';
import { indexed } from '../ranking/lexical-terms.js';
import { type About, aboutOf } from '../ranking/question.js';
import { entryOf, isRetrievable, retrievableAs, summaryOf } from '../ranking/retrieved.js';
import {
  checkJson,
  checkRow,
  checksumOf,
  type DocumentRow,
  damaged,
  type IndexState,
  prepared,
  preparedRaw,
  type Sqlite,
} from './database.js';

/*
 * Documents as rows: each change has a number, `state.seq`, and a changed document gets a new row. Whoever calls writes
 * the state, in the same transaction.
 */

/** Nothing changes when it is there as it is. */
export function putDocument(database: Sqlite, state: IndexState, id: string, document: CorpusDocument): void {
  const { caption: captionVector, image: imageVector } = document.embeddings;
  const phrases = phrasesOf(document.caption);
  const as = retrievableAs(document);
  const json = JSON.stringify({ ...document, embeddings: { model: document.embeddings.model } });
  const row = {
    id,
    caption: document.caption,
    ...indexed(document.caption, phrases),
    subjects: aboutText(aboutOf(phrases, { clip: as.clip })),
    retrievable: as.image ? 1 : 0,
    clip: as.clip ? 1 : 0,
    content: document.hashes.content,
    json,
    json_checksum: crc32(json),
    caption_vector: toBlob(captionVector),
    image_vector: toBlob(imageVector),
  };
  const checksum = checksumOf(row);
  const old = prepared(database, 'SELECT * FROM documents WHERE id = ?').get(id) as DocumentRow | undefined;
  if (old && old.checksum === checksum && old.json === row.json) return;
  if (old) removeDocument(database, state, id);
  state.seq++;
  prepared(
    database,
    `INSERT INTO documents VALUES
     (@seq, @id, @caption, @words, @names, @characters, @subjects, @retrievable, @clip, @content, @json, @json_checksum, @caption_vector, @image_vector, @checksum)`,
  ).run({ ...row, seq: state.seq, checksum });
  if (!isRetrievable(document)) return;
  state.documents++;
  state.digest = xorDigest(state.digest, id);
}

/** What of it decides over an answer; equal for many documents. */
function aboutText({ subjects, ...more }: About): string {
  return JSON.stringify({
    subjects: subjects.map(({ head, kinds, whole, light }) => ({ head, kinds, whole, light })),
    ...more,
  });
}

export function removeDocument(database: Sqlite, state: IndexState, id: string): void {
  const old = prepared(database, 'SELECT * FROM documents WHERE id = ?').get(id) as DocumentRow | undefined;
  if (!old) return;
  if (old.retrievable || old.clip) {
    state.documents--;
    state.digest = xorDigest(state.digest, id);
  }
  prepared(database, 'DELETE FROM documents WHERE seq = ?').run(old.seq);
  state.seq++;
  prepared(database, 'INSERT INTO removals VALUES (?, ?, ?)').run(state.seq, old.seq, crc32(`${state.seq} ${old.seq}`));
}

/** What a filter's fields are compared with. database.ts has an index of each but `licence`. */
const columns = {
  id: 'id',
  uri: "json_extract(json, '$.provenance.uri')",
  source: "json_extract(json, '$.provenance.source')",
  licence: "json_extract(json, '$.provenance.licence')",
  file: "json_extract(json, '$.provenance.sha256')",
  content: 'content',
} as const;

/** Those that fit all of a filter, by id. */
export function findDocuments(
  database: Sqlite,
  filter: DocumentFilter,
  { after, most }: DocumentPage = { after: '', most: -1 },
): DocumentSummary[] {
  const given = (Object.keys(columns) as (keyof typeof columns)[]).filter((name) => filter[name] !== undefined);
  const condition = ['id > @after', ...given.map((name) => `${columns[name]} = @${name}`)].join(' AND ');
  const values = { after, most, ...Object.fromEntries(given.map((name) => [name, filter[name]])) };
  const rows = database.prepare(`SELECT * FROM documents WHERE ${condition} ORDER BY id LIMIT @most`).all(values);
  return (rows as DocumentRow[]).map((row) => summaryOf(JSON.parse(checkRow(row).json) as CorpusDocument));
}

/** Labels of the documents that were removed or changed after a change. */
export function removalsSince(database: Sqlite, seq: number): number[] {
  const rows = prepared(database, 'SELECT label FROM removals WHERE seq > ? ORDER BY seq').all(seq);
  return (rows as { label: number }[]).map(({ label }) => label);
}

/** The document with a label, as an answer tells of it; damage when it is not there, or is another one. */
export function contextOf(database: Sqlite, label: number, id: string, kind: RetrievedAs): ReturnType<typeof entryOf> {
  const row = preparedRaw(database, 'SELECT json, json_checksum FROM documents WHERE seq = ?').get(label);
  if (!row) throw damaged(`no row ${label}`);
  const [json, json_checksum] = row as [string, number];
  const document = JSON.parse(checkJson({ json, json_checksum })) as CorpusDocument;
  if (document.id !== id) throw damaged(`row ${label} of another document`);
  return entryOf(document, kind);
}

/** The document as it was given, but that its vectors were rounded to 32 bits. */
export function documentOf(row: DocumentRow): CorpusDocument {
  const document = JSON.parse(row.json) as CorpusDocument;
  const { model } = document.embeddings;
  const [caption, image] = [row.caption_vector, row.image_vector].map((blob) => Array.from(fromBlob(blob)));
  return { ...document, embeddings: { model, caption: caption!, image: image! } };
}
