import { countCharacters, cutText } from './cut-text.js';
import { printable } from './printable.js';

/**
 * input         the event, command or file itself: the same fails again. An event is rejected at once.
 * passing       a tool or process that failed, perhaps because of the input: an event is tried three times, then rejected.
 * surroundings  what vimi stands on (disk, object store, keys, clock, brokers, model process): no event is rejected for
 *               it. The pipeline pauses until it is over (src/flow/pause.ts).
 */
export type Fault = 'input' | 'passing' | 'surroundings';

/**
 * Every error that vimi raises on purpose, as one closed list.
 *
 * A code is a promise to whoever reads rejects, logs and exit messages: it never changes its meaning. `fault` says what
 * has to change before the same may succeed, and so what a pipeline does; `remedy` says what a person can do.
 */
export const errorCodes = {
  // Events: what an upstream system sent is not what its topic carries.
  EVENT_MALFORMED: {
    fault: 'input',
    remedy: 'Send one JSON object per record; docs/reference/topics.md describes each topic.',
  },
  EVENT_INVALID: {
    fault: 'input',
    remedy: 'Correct the named fields; the JSON Schema is under docs/reference/schemas.',
  },
  EVENT_TOO_LARGE: { fault: 'input', remedy: 'Send media by reference (uri), not inline.' },
  EVENT_UNKNOWN_TYPE: { fault: 'input', remedy: 'Use a type that this topic carries, or send no ce_type header.' },
  // Requests that are well formed but cannot be served.
  PROMPT_EMPTY: { fault: 'input', remedy: 'Say what the video should show, in text, images or both.' },
  PROMPT_TOO_LONG: { fault: 'input', remedy: 'Shorten the prompt.' },
  REQUEST_OVER_LIMIT: {
    fault: 'input',
    remedy: 'Ask for less. The named step sets the limit: what admit allows, or what the model can make.',
  },
  REQUEST_ID_TAKEN: {
    fault: 'input',
    remedy: 'Give each request its own id. To repeat a request, send the same content.',
  },
  REQUEST_EXPIRED: { fault: 'input', remedy: 'Send the request again with a later start_by or finish_by.' },
  DOCUMENT_REFUSED: {
    fault: 'input',
    remedy:
      'Leave the named document out of retrieval.pin or retrieval.exclude, or name another; `vimi corpus search` and GET /v1/corpus/documents?q= find documents.',
  },
  // Media.
  MEDIA_NOT_FOUND: {
    fault: 'input',
    remedy: 'Check the name. The file must still exist when its event is processed.',
  },
  MEDIA_FORBIDDEN: {
    fault: 'input',
    remedy: 'Use allowed media: files under media_roots of the topology, addresses of its media_hosts.',
  },
  MEDIA_UNSUPPORTED: {
    fault: 'input',
    remedy:
      'Convert it: an image to JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP, a video to MP4, MOV, WebM, Matroska, AVI or MPEG.',
  },
  MEDIA_DAMAGED: { fault: 'input', remedy: 'Publish the media again from an intact copy.' },
  MEDIA_TOO_LARGE: { fault: 'input', remedy: 'Reduce the media, or raise the limit of the named step.' },
  MEDIA_EMPTY: { fault: 'input', remedy: 'Publish media that have at least one frame.' },
  CAPTION_MISSING: {
    fault: 'input',
    remedy:
      'Give a caption in the event, in a .txt file of the same name beside the medium, or in metadata.csv or metadata.jsonl of its folder.',
  },
  CAPTION_UNREADABLE: {
    fault: 'input',
    remedy: 'Write the caption as UTF-8 without control characters, for example with `iconv -f WINDOWS-1252 -t UTF-8`.',
  },
  MANIFEST_UNREADABLE: {
    fault: 'input',
    remedy: 'Correct the manifest at the named place: docs/guides/grow-the-corpus.md describes JSONL, CSV and Parquet.',
  },
  SCORE_MISSING: {
    fault: 'input',
    remedy: 'Remove the named limit, or put a step that measures the score before the filter.',
  },
  CAPTIONER_UNAVAILABLE: {
    fault: 'surroundings',
    remedy:
      'Check that the captioner runs under the url of the step caption, and answers as docs/guides/captioners.md says; a running pipeline continues by itself.',
  },
  CAPTIONER_DENIED: { fault: 'surroundings', remedy: 'Check the key of the captioner in the step caption.' },
  CAPTIONER_REFUSED: {
    fault: 'input',
    remedy: 'Read the answer of the captioner: it refused this image and takes another.',
  },
  CAPTIONER_FAILED: {
    fault: 'passing',
    remedy:
      'Read the log of the captioner: another image passes. If it only needs more time, raise `seconds` of the captioner. Then replay the event.',
  },
  CAPTIONER_ANSWER_INVALID: {
    fault: 'passing',
    remedy: 'Correct the captioner: docs/guides/captioners.md says what it has to answer. Then replay the event.',
  },
  // Passing, but as long as all three tries would hold up everything behind it.
  SOURCE_TOO_SLOW: {
    fault: 'input',
    remedy:
      'Replay the event when the server is faster: `vimi rejects replay --code SOURCE_TOO_SLOW`. Or raise `max_seconds` of the step fetch: media that were published later wait for that time.',
  },
  SOURCE_UNREACHABLE: {
    fault: 'passing',
    remedy: 'Replay the event when the server answers again: `vimi rejects replay --code SOURCE_UNREACHABLE`.',
  },
  FFMPEG_NOT_FOUND: { fault: 'surroundings', remedy: 'Install ffmpeg, or name it with VIMI_FFMPEG and VIMI_FFPROBE.' },
  TOOL_CRASHED: {
    fault: 'passing',
    remedy:
      'Install a current ffmpeg: the file may be fine, the program crashed. `vimi doctor` shows which one is used.',
  },
  TOOL_UNUSABLE: {
    fault: 'surroundings',
    remedy:
      'Put an ffmpeg that works in its place; the pipeline continues by itself then. `vimi doctor` shows which one is used.',
  },
  ENCODER_FAILED: { fault: 'passing', remedy: 'Read the ffmpeg message; `vimi doctor` shows which ffmpeg is used.' },
  // Topology and configuration.
  TOPOLOGY_INVALID: { fault: 'input', remedy: 'Correct the listed places, then check again with `vimi validate`.' },
  TOPOLOGY_NOT_FOUND: {
    fault: 'input',
    remedy:
      'Run in the folder of topology.yaml, name the file with --topology, or begin a project with `vimi init FOLDER`.',
  },
  USAGE: { fault: 'input', remedy: 'See --help.' },
  // Delivery.
  TRANSPORT_UNAVAILABLE: { fault: 'surroundings', remedy: 'Check that the transport of the profile can be reached.' },
  TRANSPORT_DENIED: { fault: 'surroundings', remedy: 'Check the credentials of the profile and their rights.' },
  TRANSPORT_FENCED: { fault: 'input', remedy: 'Nothing: another process owns this partition now.' },
  POSITION_TOO_LARGE: {
    fault: 'input',
    remedy: 'Set offset.metadata.max.bytes of the brokers to 4096, its default.',
  },
  POSITION_LOST: {
    fault: 'input',
    remedy:
      'Add to the pipeline on_lost_position: earliest to process everything that the topic keeps (again), or on_lost_position: latest to continue with new records.',
  },
  GROUP_BUSY: { fault: 'input', remedy: 'Stop the other consumer first, or use another group.' },
  TOPIC_UNKNOWN: { fault: 'input', remedy: 'Check the name; declare a new topic in topology.yaml.' },
  COMPRESSION_UNKNOWN: { fault: 'input', remedy: 'Publish with gzip, snappy, lz4 or zstd, or without compression.' },
  LOG_DAMAGED: {
    fault: 'input',
    remedy:
      'Restore what is named: a file from a backup, a partition from an intact replica. Or start again without it.',
  },
  // Stores.
  VIDEO_NOT_FOUND: {
    fault: 'input',
    remedy: '`vimi read videos` lists the finished videos, `vimi jobs list` the state of each request.',
  },
  OBJECT_NOT_FOUND: { fault: 'input', remedy: 'Check the key, and whether somebody removed the object.' },
  OBJECT_DAMAGED: { fault: 'input', remedy: 'Put an intact copy in its place, or make it again.' },
  OBJECT_KEY_INVALID: {
    fault: 'input',
    remedy: 'Use relative keys of letters, digits, dot, dash, underscore and slash.',
  },
  STORAGE_FULL: { fault: 'surroundings', remedy: 'Free some space; a running pipeline continues by itself.' },
  STORAGE_UNAVAILABLE: {
    fault: 'surroundings',
    remedy: 'Check that the named store or file exists and can be reached.',
  },
  STORAGE_DENIED: { fault: 'surroundings', remedy: 'Check the keys of the object store and their rights.' },
  BUCKET_NOT_FOUND: { fault: 'surroundings', remedy: 'Create the bucket, or allow the keys to create it.' },
  STORAGE_REFUSED: {
    fault: 'passing',
    remedy: 'Read the answer of the object store: it refused this call and no other.',
  },
  CLOCK_SKEWED: {
    fault: 'surroundings',
    remedy: 'Set the clock of this machine: S3 allows a difference of 15 minutes.',
  },
  INDEX_DAMAGED: { fault: 'surroundings', remedy: 'Nothing: vimi rebuilds the index from the corpus topic.' },
  INDEX_OF_OTHER_ENCODER: {
    fault: 'surroundings',
    remedy:
      'Run `vimi corpus reembed` to change the index to the encoder of the profile, or name its own encoder again (search.encoder).',
  },
  INDEX_FOREIGN: {
    fault: 'surroundings',
    remedy: 'Give the profile another search path, or remove that folder: vimi rebuilds it from the corpus topic.',
  },
  SEARCH_UNAVAILABLE: {
    fault: 'surroundings',
    remedy:
      'Check that the search engine of the profile runs and can be reached; a running pipeline continues by itself.',
  },
  SEARCH_DENIED: { fault: 'surroundings', remedy: 'Check the api_key of the search in the profile, and its rights.' },
  SEARCH_FULL: {
    fault: 'surroundings',
    remedy:
      'Free disk space or memory on the nodes of the search engine, then set its shards to READY; a running pipeline continues by itself.',
  },
  SEARCH_REFUSED: {
    fault: 'passing',
    remedy: 'Read the answer of the search engine: it refused this call. docs/guides/search.md names its version.',
  },
  LABELS_INVALID: { fault: 'input', remedy: 'Correct the named line; `vimi eval retrieval --help` shows the format.' },
  VECTOR_INVALID: { fault: 'input', remedy: 'Give as many finite numbers as the index has dimensions.' },
  // Models.
  WEIGHTS_NOT_FOUND: { fault: 'surroundings', remedy: 'Check the path, or train weights with `vimi train`.' },
  WEIGHTS_DAMAGED: { fault: 'surroundings', remedy: 'Download the weights again, or train them again.' },
  SHAPE_MISMATCH: { fault: 'input', remedy: 'Give tensors of the stated shape.' },
  GRAPH_UNSUPPORTED: {
    fault: 'surroundings',
    remedy: 'Use another backend (wasm runs every network), or write the network with the operations of the list.',
  },
  MODEL_UNKNOWN: { fault: 'input', remedy: 'Use one of the named presets, or the path of a weights file.' },
  PACKAGE_NOT_INSTALLED: { fault: 'surroundings', remedy: 'Install the named package with npm; it is optional.' },
  BACKEND_UNAVAILABLE: { fault: 'surroundings', remedy: 'Use another backend: wasm is always available.' },
  MODEL_UNAVAILABLE: {
    fault: 'surroundings',
    remedy: 'Give the model process what it lacks, most often memory; vimi restarts it.',
  },
  MODEL_CRASHED: { fault: 'passing', remedy: 'vimi restarts the model process. If events were rejected, replay them.' },
  MODEL_SERVER_UNAVAILABLE: {
    fault: 'surroundings',
    remedy:
      'Check that the model server runs under its url in `models` of the topology, and answers as docs/guides/model-servers.md says; a running pipeline continues by itself.',
  },
  MODEL_SERVER_BUSY: {
    fault: 'surroundings',
    remedy: 'Nothing: the pipeline asks again after the time that the server names. If it lasts, add a server.',
  },
  MODEL_SERVER_DENIED: {
    fault: 'surroundings',
    remedy: 'Check the api_key of the model server in `models` of the topology, and its rights.',
  },
  MODEL_SERVER_FAILED: {
    fault: 'passing',
    remedy: 'Read the log of the model server. Then replay the event.',
  },
  MODEL_SERVER_REFUSED: {
    fault: 'input',
    remedy:
      'Read the answer of the model server: it refused or failed this request, and says that trying again does not help.',
  },
  MODEL_ANSWER_INVALID: {
    fault: 'input',
    remedy: 'Correct the model server: docs/guides/model-servers.md says what it has to answer. Then replay the event.',
  },
  REQUEST_UNSUPPORTED: {
    fault: 'input',
    remedy: 'Leave out what the model cannot take, or ask a model that takes it; GET /v1/models lists what each takes.',
  },
  TRAINING_DIVERGED: { fault: 'input', remedy: 'Lower the learning rate and resume from the last checkpoint.' },
  // The machine.
  INSTALL_FOREIGN: {
    fault: 'surroundings',
    remedy: 'Run `npm ci` under this Node (or `npm rebuild`): the installed modules were built for another one.',
  },
  FILE_UNUSABLE: {
    fault: 'passing',
    remedy: 'Check that the named file or folder exists and that this user may use it.',
  },
  OUT_OF_MEMORY: { fault: 'passing', remedy: 'Ask for less, or give the process more memory.' },
  // HTTP.
  HTTP_MALFORMED: { fault: 'input', remedy: 'Send what GET /openapi.json describes.' },
  HTTP_TOO_LARGE: { fault: 'input', remedy: 'Send less at once; the answer names the limit.' },
  HTTP_MEDIA_TYPE: { fault: 'input', remedy: 'Send JSON, with Content-Type: application/json.' },
  ROUTE_UNKNOWN: { fault: 'input', remedy: 'GET /openapi.json lists all addresses and their methods.' },
  KEY_MISSING: { fault: 'input', remedy: 'Send Authorization: Bearer KEY; `vimi keys add` makes a key.' },
  KEY_REFUSED: { fault: 'input', remedy: 'Use a key with the named scope.' },
  ORIGIN_REFUSED: {
    fault: 'input',
    remedy: 'Ask from a program, or from a page that this server gave; by its own name.',
  },
  RATE_LIMITED: { fault: 'passing', remedy: 'Send the request again after the time that Retry-After names.' },
  RANGE_INVALID: { fault: 'input', remedy: 'Ask for bytes that are there, or for the whole: leave Range out.' },
  PRECONDITION_FAILED: {
    fault: 'input',
    remedy: 'GET it again; if it is still what you mean, send the request with its new ETag, or without the condition.',
  },
  DOCUMENT_NOT_FOUND: { fault: 'input', remedy: 'Check the id; GET /v1/corpus/documents?q= finds documents.' },
  JOB_NOT_FOUND: { fault: 'input', remedy: 'Check the id; GET /v1/videos lists the jobs.' },
  VARIANT_NOT_FOUND: {
    fault: 'input',
    remedy:
      'Take the video itself. Videos that older versions or custom steps made have no thumbnail, spritesheet or last frame.',
  },
  PREVIEW_NOT_FOUND: {
    fault: 'input',
    remedy: 'Ask again while the job is in progress; after it, take the video. Some models give no previews.',
  },
  VIDEO_NOT_READY: { fault: 'input', remedy: 'Wait until the job is completed: GET /v1/videos/ID has its state.' },
  STREAMS_FULL: { fault: 'passing', remedy: 'Connect again after the time that Retry-After names.' },
  JOBS_BEHIND: {
    fault: 'surroundings',
    remedy:
      'Send the request again after the time that Retry-After names: to another process of the service, or to this one.',
  },
  SERVER_CLOSING: {
    fault: 'surroundings',
    remedy: 'Send the request again: to another process of the service, or to this one when it is back.',
  },
  QUEUE_FULL: { fault: 'passing', remedy: 'Send the request again after the time that Retry-After names.' },
  // Webhooks.
  WEBHOOK_FORBIDDEN: {
    fault: 'input',
    remedy: 'Use an https address on one of webhook_hosts of the topology; private networks are refused.',
  },
  WEBHOOK_SECRET_MISSING: { fault: 'input', remedy: 'Make a secret: vimi webhooks secrets add.' },
  REJECT_NOT_FOUND: {
    fault: 'input',
    remedy: 'Check the place; `vimi rejects` and GET /v1/rejects list the dead letters.',
  },
  WEBHOOK_NOT_FOUND: { fault: 'input', remedy: '`vimi webhooks list` lists the webhooks of the last 30 days.' },
  WEBHOOK_UNREACHABLE: { fault: 'passing', remedy: 'Check the receiver; the webhook is sent again.' },
  // Control.
  CANCELLED: { fault: 'input', remedy: 'Nothing: somebody asked for it.' },
  REQUEST_DROPPED: {
    fault: 'input',
    remedy: 'Ask for something else: a step of the pipeline leaves such requests out on purpose, for the named reason.',
  },
  STEP_STUCK: {
    fault: 'input',
    remedy: 'Repair the named step if it hangs; otherwise raise step_limit of the pipeline.',
  },
  TIMED_OUT: { fault: 'passing', remedy: 'Raise the time limit of the step, if it does not hang.' },
  INTERNAL: {
    fault: 'input',
    remedy:
      'A defect of the custom operator that is named as the step, if there is one; otherwise of vimi: please report it with the text above.',
  },
} as const satisfies Record<string, { fault: Fault; remedy: string }>;

export type ErrorCode = keyof typeof errorCodes;

export interface ErrorFacts {
  /** What would have been right: a rule, a range, a type. */
  expected?: string;
  /** What was there instead, shortened. */
  found?: string;
  /** Where: file:line:column, topic/partition/offset, a field's path, an object's key. */
  where?: string;
  /** What a person can do here, where the code's own remedy does not say enough. */
  remedy?: string;
  /** Of a code of a custom operator: whose fault it is. The input's when left out; vimi's own codes say it themselves. */
  fault?: Fault;
  cause?: unknown;
}

const brand = Symbol.for('vimi.error');

/** The one error class. `message` reads "summary: expected ..., found ... (where)". */
export class VimiError extends Error {
  /** A custom operator may have brought its own copy of vimi: its errors are ours too. */
  static override [Symbol.hasInstance](thing: unknown): boolean {
    // biome-ignore lint/complexity/noThisInStatic: a class derived from this one means itself.
    if (this !== VimiError) return Function.prototype[Symbol.hasInstance].call(this, thing);
    return typeof thing === 'object' && thing !== null && brand in thing;
  }
  readonly [brand] = true;
  readonly code: ErrorCode;
  readonly summary: string;
  readonly expected?: string;
  readonly found?: string;
  readonly where?: string;
  readonly remedy: string;
  readonly #fault?: Fault;

  /** A custom operator may use codes of its own, in capitals like these. */
  constructor(code: ErrorCode | (string & {}), summary: string, facts: ErrorFacts = {}) {
    const expectation = [facts.expected && `expected ${facts.expected}`, facts.found && `found ${shorten(facts.found)}`]
      .filter(Boolean)
      .join(', ');
    super(`${summary}${expectation ? `: ${expectation}` : ''}${facts.where ? ` (${printable(facts.where)})` : ''}`, {
      cause: facts.cause,
    });
    this.name = 'VimiError';
    this.code = code as ErrorCode;
    this.summary = summary;
    this.expected = facts.expected;
    this.found = facts.found;
    this.where = facts.where;
    this.remedy = facts.remedy ?? aboutCode(code).remedy;
    this.#fault = facts.fault;
  }

  get fault(): Fault {
    return this.#fault ?? aboutCode(this.code).fault;
  }

  /** Whether the same input may succeed later without anybody changing it. */
  get retryable(): boolean {
    return this.fault !== 'input';
  }

  /** The same error where what was worked on has another name outside. */
  renamed(inside: string, outside: string): VimiError {
    const { code, summary, remedy, fault, cause } = this;
    const [expected, found, where] = [this.expected, this.found, this.where].map((text) =>
      text?.replaceAll(inside, outside),
    );
    return new VimiError(code, summary, { expected, found, where, remedy, fault, cause });
  }
}

/** A custom operator may have codes of its own: each is a fault of its input, and only who wrote it knows what to do. */
const ownCode = {
  fault: 'input',
  remedy: 'This code comes from the custom operator that is named as the step: see its documentation.',
} as const;

function aboutCode(code: string): { fault: Fault; remedy: string } {
  return Object.hasOwn(errorCodes, code) ? errorCodes[code as ErrorCode] : ownCode;
}

/** A foreign error's text, with its name and code where they say something. */
export function named(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const text = thrown.message;
  const { code } = thrown as { code?: unknown };
  const said = [thrown.name !== 'Error' && thrown.name, typeof code === 'string' && !text.includes(code) && code];
  const name = said.filter(Boolean).join(' ');
  return name ? `${name}: ${text}` : text;
}

/** The code of vimi itself: nobody who reads a message wants to know of its lines. */
const own = new URL('..', import.meta.url).href;

/** `FILE:LINE:COLUMN` of the innermost line outside of vimi and what it stands on: whose custom operator it was. */
export function placeOf(thrown: unknown): string | undefined {
  if (!(thrown instanceof Error) || typeof thrown.stack !== 'string') return undefined;
  for (const line of thrown.stack.split('\n')) {
    const found = /(?:^|[ (])(file:\/\/\/[^\s()]{1,4096}?|\/[^():]{1,4096}):(\d+):(\d+)\)?$/.exec(line.slice(0, 5000));
    if (!found?.[1]) continue;
    const file = found[1].startsWith('file:') ? found[1] : `file://${found[1]}`;
    if (file.startsWith(own) || file.includes('/node_modules/')) continue;
    return `${decodeURI(file.slice('file://'.length).replace(/[?#].*$/, ''))}:${found[2]}:${found[3]}`;
  }
  return undefined;
}

/** Turns whatever was thrown into a VimiError; a foreign error keeps its text and becomes the cause. */
export function asVimiError(thrown: unknown): VimiError {
  if (thrown instanceof VimiError) return thrown;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const [code, summary] = meaningOf(String((thrown as { code?: unknown } | null)?.code ?? ''), text);
  if (code === 'INTERNAL') return new VimiError(code, named(thrown), { where: placeOf(thrown), cause: thrown });
  return new VimiError(code, summary ? `${summary}: ${text}` : text, { cause: thrown });
}

/** The same for files that vimi alone names, which no event can be blamed for: its stores and its work folder. */
export function asStorageError(thrown: unknown): VimiError {
  const error = asVimiError(thrown);
  const system = (thrown as { code?: unknown } | null)?.code;
  const isOurs = error.code === 'FILE_UNUSABLE' || system === 'ENOENT' || sqlite.test(String(system));
  if (!isOurs) return error;
  return new VimiError('STORAGE_UNAVAILABLE', error.message, { cause: thrown });
}

/** Whether a code of the system or of SQLite says that no space is left. */
export function saysFull(system: string): boolean {
  return full.has(system);
}

function meaningOf(system: string, text: string): [code: ErrorCode, summary?: string] {
  if (saysFull(system)) return ['STORAGE_FULL', 'No space is left'];
  if (broken.has(system)) return ['STORAGE_UNAVAILABLE', 'The disk or the operating system refuses'];
  if (unusable.has(system)) return ['FILE_UNUSABLE', 'A file or folder cannot be used'];
  if (system === 'ERR_DLOPEN_FAILED' || text.includes('NODE_MODULE_VERSION'))
    return ['INSTALL_FOREIGN', `An installed module was built for another Node than this one (${process.version})`];
  if (text.includes('Could not locate the bindings file'))
    return ['INSTALL_FOREIGN', 'An installed module was never compiled: its install script did not run'];
  if (system === 'ENOMEM' || memory.test(text)) return ['OUT_OF_MEMORY', 'There is not enough memory'];
  return ['INTERNAL'];
}

/** SHMSIZE: the index of SQLite's log, which even a reader makes, finds no room. */
const full = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL', 'SQLITE_IOERR_SHMSIZE']);
/** Whatever file is named: the disk, its mount, or what the system lets a process open at once. */
const broken = new Set(['EROFS', 'EMFILE', 'ENFILE', 'ESTALE', 'ENODEV', 'ENOTCONN', 'EHOSTDOWN', 'ESHUTDOWN']);
/** An event may have named it. */
const unusable = new Set(['EIO', 'EACCES', 'EPERM', 'EEXIST', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EBUSY']);
const sqlite = /^SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PERM|PROTOCOL|NOMEM)/;
/** Node's words; then those of onnxruntime, TensorFlow, and of WebAssembly, where what was refused is written to all the same. */
const memory =
  /(could not|cannot|failed to) allocate|Array buffer allocation failed|Invalid array buffer length|out of memory|\bOOM\b|cannot enlarge memory|bad_alloc|memory access out of bounds/i;

function shorten(text: string, most = 200): string {
  return text.length > most ? `${cutText(text, most)}... (${countCharacters(text)} characters)` : text;
}
