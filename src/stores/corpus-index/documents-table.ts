import { crc32 } from 'node:zlib';
import type { CorpusDocument } from '../../events/schemas.js';
import type { DocumentFilter, DocumentSummary } from '../corpus.js';
import { fromBlob, toBlob } from './checked-vector.js';
import { checkRow, checksumOf, type DocumentRow, type IndexState, type Sqlite, xorDigest } from './database.js';
import { indexed } from './lexical-query.js';

/*
 * Documents as rows: each change has a number, `state.seq`, and a changed document gets a new row. Whoever calls writes
 * the state, in the same transaction.
 */

/** Nothing changes when it is there as it is. */
export function putDocument(database: Sqlite, state: IndexState, id: string, document: CorpusDocument): void {
  const { caption: captionVector, image: imageVector } = document.embeddings;
  const row = {
    id,
    caption: document.caption,
    ...indexed(document.caption),
    retrievable: document.retrievable ? 1 : 0,
    content: document.hashes.content,
    json: JSON.stringify({ ...document, embeddings: { model: document.embeddings.model } }),
    caption_vector: toBlob(captionVector),
    image_vector: toBlob(imageVector),
  };
  const checksum = checksumOf(row);
  const old = database.prepare('SELECT * FROM documents WHERE id = ?').get(id) as DocumentRow | undefined;
  if (old && old.checksum === checksum && old.json === row.json) return;
  if (old) removeDocument(database, state, id);
  state.seq++;
  database
    .prepare(
      `INSERT INTO documents VALUES
       (@seq, @id, @caption, @words, @names, @characters, @retrievable, @content, @json, @caption_vector, @image_vector, @checksum)`,
    )
    .run({ ...row, seq: state.seq, checksum });
  if (!document.retrievable) return;
  database
    .prepare('INSERT INTO lexical (rowid, words, names, characters) VALUES (@seq, @words, @names, @characters)')
    .run({ ...row, seq: state.seq });
  state.documents++;
  state.digest = xorDigest(state.digest, id);
}

export function removeDocument(database: Sqlite, state: IndexState, id: string): void {
  const old = database.prepare('SELECT * FROM documents WHERE id = ?').get(id) as DocumentRow | undefined;
  if (!old) return;
  if (old.retrievable) {
    // FTS5 must be given the text that it indexed.
    database
      .prepare(
        "INSERT INTO lexical (lexical, rowid, words, names, characters) VALUES ('delete', @seq, @words, @names, @characters)",
      )
      .run(old);
    state.documents--;
    state.digest = xorDigest(state.digest, id);
  }
  database.prepare('DELETE FROM documents WHERE seq = ?').run(old.seq);
  state.seq++;
  database.prepare('INSERT INTO removals VALUES (?, ?, ?)').run(state.seq, old.seq, crc32(`${state.seq} ${old.seq}`));
}

/** What a filter's fields are compared with. `documents_by_file` (database.ts) is an index of the last. */
const columns = {
  id: 'id',
  uri: "json_extract(json, '$.provenance.uri')",
  source: "json_extract(json, '$.provenance.source')",
  file: "json_extract(json, '$.provenance.sha256')",
} as const;

/** Those that fit all of a filter, by id. */
export function findDocuments(database: Sqlite, filter: DocumentFilter): DocumentSummary[] {
  const given = (Object.keys(columns) as (keyof typeof columns)[]).filter((name) => filter[name] !== undefined);
  const condition = given.map((name) => `${columns[name]} = @${name}`).join(' AND ') || 'TRUE';
  const values = Object.fromEntries(given.map((name) => [name, filter[name]]));
  const rows = database.prepare(`SELECT * FROM documents WHERE ${condition} ORDER BY id`).all(values);
  return (rows as DocumentRow[]).map((row) => {
    const { id, caption, image, retrievable, provenance } = JSON.parse(checkRow(row).json) as CorpusDocument;
    const { uri, source, licence, said = caption } = provenance;
    return { document: id, caption, said, image, retrievable, uri, source, licence };
  });
}

/** Labels of the documents that were removed or changed after a change. */
export function removalsSince(database: Sqlite, seq: number): number[] {
  const rows = database.prepare('SELECT label FROM removals WHERE seq > ? ORDER BY seq').all(seq);
  return (rows as { label: number }[]).map(({ label }) => label);
}

/** The document as it was given, but that its vectors were rounded to 32 bits. */
export function documentOf(row: DocumentRow): CorpusDocument {
  const document = JSON.parse(row.json) as CorpusDocument;
  const { model } = document.embeddings;
  const [caption, image] = [row.caption_vector, row.image_vector].map((blob) => Array.from(fromBlob(blob)));
  return { ...document, embeddings: { model, caption: caption!, image: image! } };
}
