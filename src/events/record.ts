/** A record that is to be published. */
export interface NewRecord {
  topic: string;
  /** Records of one key go to one partition, in order. null: spread. */
  key: Buffer | null;
  /** null: a tombstone for the key. */
  value: Buffer | null;
  headers: Record<string, Buffer>;
  /** Fixed partition; else it follows from the key. */
  partition?: number;
  /** Milliseconds since 1970; the transport's clock when left out. */
  timestamp?: number;
}

/** A record as a topic holds it. */
export interface StoredRecord extends Required<Omit<NewRecord, 'partition' | 'timestamp'>> {
  partition: number;
  offset: number;
  timestamp: number;
}
