import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { compiled } from '../../../core/compiled.js';
import { asStorageError, type ErrorCode, VimiError } from '../../../core/errors.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import type {
  Corpus,
  CorpusRecord,
  DocumentFilter,
  DocumentPage,
  DocumentSummary,
  SearchQuery,
  SearchResult,
} from '../corpus.js';
import type { IndexCopy } from './at-rest.js';
import { callAtRest } from './call-at-rest.js';
import type { CorpusIndexOptions } from './corpus-index.js';
import type { CorpusCall, CorpusMethod, CorpusReply } from './corpus-worker.js';
import { claimEncoder } from './index-encoder.js';

export interface OpenCorpusOptions extends Omit<CorpusIndexOptions, 'log'> {
  log: { info(fields: object, message: string): void; warn(fields: object, message: string): void };
  /**
   * How long a search waits for an index that was lost under it and is being filled again; then it makes do with what
   * is there. Milliseconds, default a minute.
   */
  rebuildWaitMs?: number;
}

export interface EmbeddedCorpus extends Corpus {
  /** Copies all of it into a folder, of one moment; searches and changes go on meanwhile. STORAGE_FULL. */
  copyTo(folder: string): Promise<IndexCopy>;
}

/** The embedded corpus index, in a thread of its own. Several processes may open one folder. INDEX_OF_OTHER_ENCODER. */
export async function openCorpus(options: OpenCorpusOptions): Promise<EmbeddedCorpus> {
  try {
    claimEncoder(options.folder, options.embedder.name);
  } catch (thrown) {
    const error = asStorageError(thrown);
    if (error.code !== 'STORAGE_UNAVAILABLE') throw error;
    const found = (thrown as Error).message;
    throw new VimiError('STORAGE_UNAVAILABLE', 'The folder of the corpus index cannot be used', {
      found,
      cause: thrown,
    });
  }
  const corpus = new CorpusClient(options);
  // Opening verifies the file: let its errors come out here.
  await corpus.state();
  return corpus;
}

export function isEmbedded(corpus: Corpus): corpus is EmbeddedCorpus {
  return corpus instanceof CorpusClient;
}

class CorpusClient implements EmbeddedCorpus {
  #worker: Worker | null = null;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  readonly #listeners: ((id: string) => void)[] = [];
  #calls = 0;
  #closed = false;

  readonly #options: OpenCorpusOptions;

  constructor(options: OpenCorpusOptions) {
    this.#options = options;
  }

  async search(query: SearchQuery): Promise<SearchResult> {
    const { rebuildWaitMs = 60_000 } = this.#options;
    const stepMs = 200;
    for (let waited = 0; ; waited += stepMs) {
      try {
        return (await this.#call('search', query, { partial: waited >= rebuildWaitMs })) as SearchResult;
      } catch (thrown) {
        if (!(thrown instanceof VimiError && thrown.code === 'INDEX_DAMAGED') || waited >= rebuildWaitMs) throw thrown;
        await sleep(stepMs);
      }
    }
  }

  async apply(records: CorpusRecord[]): Promise<void> {
    await this.#call('apply', records);
    for (const { id, document } of records) if (!document) for (const listener of this.#listeners) listener(id);
  }

  async positions(): Promise<Record<number, number>> {
    return (await this.#call('positions')) as Record<number, number>;
  }

  async get(id: string): Promise<CorpusDocument | null> {
    return (await this.#call('get', id)) as CorpusDocument | null;
  }

  async find(filter: DocumentFilter, page?: DocumentPage): Promise<DocumentSummary[]> {
    return (await this.#call('find', filter, page)) as DocumentSummary[];
  }

  onRemoved(listener: (id: string) => void): void {
    this.#listeners.push(listener);
  }

  async state(): Promise<SearchResult['corpus']> {
    return (await this.#call('state')) as SearchResult['corpus'];
  }

  async copyTo(folder: string): Promise<IndexCopy> {
    await this.#call('save');
    return callAtRest('copyIndex', this.#options.folder, folder);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#worker) await this.#call('close');
    this.#closed = true;
  }

  #call(method: CorpusMethod, ...args: unknown[]): Promise<unknown> {
    if (this.#closed) return Promise.reject(new VimiError('INTERNAL', `The corpus was closed before '${method}'`));
    const worker = this.#worker ?? this.#start();
    const id = this.#calls++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      worker.ref();
      worker.postMessage({ id, method, args } satisfies CorpusCall);
    });
  }

  /** A thread that died takes its calls with it; the next call starts another. */
  #start(): Worker {
    const { log, rebuildWaitMs: _, embedder, ...rest } = this.#options;
    // An embedder's functions cannot travel to the thread, and are not needed there.
    const { name, dimensions } = embedder;
    const worker = new Worker(compiled(import.meta.url, './corpus-worker.js'), {
      workerData: { ...rest, embedder: { name, dimensions } },
      execArgv: [],
    });
    this.#worker = worker;
    let cause: unknown;
    let hasAnswered = false;
    worker.on('message', (reply: CorpusReply) => {
      if ('log' in reply) return log[reply.log[0]](reply.log[1], reply.log[2]);
      hasAnswered = true;
      const call = this.#waiting.get(reply.id);
      this.#waiting.delete(reply.id);
      // An idle corpus does not keep the process alive.
      if (this.#waiting.size === 0) worker.unref();
      if ('error' in reply) call?.reject(new VimiError(reply.error.code as ErrorCode, reply.error.message));
      else call?.resolve(reply.value);
    });
    worker.on('error', (error) => {
      cause = error;
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = null;
      const calls = [...this.#waiting.values()];
      this.#waiting.clear();
      const full = (cause as { code?: unknown } | undefined)?.code === 'STORAGE_FULL';
      // One that cannot even begin would not by trying again.
      const code = full ? 'STORAGE_FULL' : hasAnswered ? 'INDEX_DAMAGED' : asStorageError(cause).code;
      const found = cause instanceof Error ? cause.message : undefined;
      for (const { reject } of calls)
        reject(new VimiError(code, 'The thread of the corpus index ended', { found, cause }));
    });
    return worker;
  }
}
