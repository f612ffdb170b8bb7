import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { copiedFiles, type IndexCopy } from '../index/at-rest.js';

/** Raise it when a manifest changes: an older vimi then passes over the snapshot. */
const format = 1;
/** Bytes of a manifest: some hundred, and twenty a partition. */
export const mostManifestBytes = 1 << 20;

const hex = (digits: number) => z.string().regex(new RegExp(`^[0-9a-f]{${digits}}$`));
const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

const schema = z.strictObject({
  format: z.literal(format),
  /** The topic of documents that it was made from. */
  topic: z.string(),
  encoder: z.strictObject({ name: z.string(), dimensions: z.strictObject({ text: count, image: count }) }),
  /** Of the database, and of the files of what is kept in memory. */
  layout: z.strictObject({ database: count, memory: count }),
  /** When it had all that the topic had: every record from its positions on was published later. */
  current: z.iso.datetime(),
  /** Next offset wanted of each partition. */
  positions: z.record(z.string().regex(/^\d{1,9}$/), count),
  documents: count,
  digest: hex(32),
  files: z
    .array(z.strictObject({ name: z.enum(copiedFiles), size: count, sha256: hex(64) }))
    .refine((files) => new Set(files.map(({ name }) => name)).size === files.length, 'a file named twice')
    .refine(
      (files) => files.every(({ name, size }) => name !== 'snapshot.json' || size <= 65_536),
      'a description of more than 64 KiB',
    )
    .refine(([first]) => first?.name === 'corpus.sqlite', 'no database'),
});
export type Manifest = z.output<typeof schema>;

export function manifestOf(
  { state, layout, files }: IndexCopy,
  of: Pick<Manifest, 'topic' | 'encoder' | 'current'>,
): Manifest {
  const { positions, documents, digest } = state;
  return { format, ...of, layout, positions, documents, digest, files };
}

/** INDEX_DAMAGED for what is none, or one of a newer format. */
export function readManifest(bytes: Buffer): Manifest {
  const bad = (found: string) => new VimiError('INDEX_DAMAGED', 'The manifest of a snapshot cannot be used', { found });
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString());
  } catch {
    throw bad('no JSON');
  }
  const found = (value as { format?: unknown } | null)?.format;
  if (typeof found === 'number' && found > format) throw bad(`format ${found}, of a newer vimi`);
  const { data, error } = schema.safeParse(value);
  if (data) return data;
  const { path, message } = error.issues[0]!;
  throw bad(`${path.join('.') || 'the manifest'}: ${message}`);
}
