import { cutText } from './cut-text.js';

/**
 * input         the event, command or file itself: the same fails again. An event is rejected at once.
 * passing       a tool or process that failed, perhaps because of the input: an event is tried three times, then rejected.
 * surroundings  what vimi stands on (disk, object store, keys, clock, brokers, model process): no event is rejected for
 *               it. The pipeline pauses until it is over (src/streams/pause.ts).
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
  EVENT_MALFORMED: { fault: 'input', remedy: 'Send one JSON object per record; see docs/topics.md for each topic.' },
  EVENT_INVALID: { fault: 'input', remedy: 'Correct the named fields; see the JSON Schema under docs/schemas.' },
  EVENT_TOO_LARGE: { fault: 'input', remedy: 'Send media by reference (uri), not inline.' },
  EVENT_UNKNOWN_TYPE: { fault: 'input', remedy: 'Use a type that this topic carries, or send no ce_type header.' },
  // Requests that are well formed but cannot be served.
  PROMPT_EMPTY: { fault: 'input', remedy: 'Say what the video should show, in text, images or both.' },
  PROMPT_TOO_LONG: { fault: 'input', remedy: 'Shorten the prompt.' },
  REQUEST_OVER_LIMIT: {
    fault: 'input',
    remedy: 'Ask for less; the step that is named sets the limit: what admit allows, or what the model can make.',
  },
  REQUEST_ID_TAKEN: {
    fault: 'input',
    remedy: 'Give each request an id of its own; the same request again needs the same content.',
  },
  REQUEST_EXPIRED: { fault: 'input', remedy: 'Send the request again with a later deadline.' },
  // Media.
  MEDIA_NOT_FOUND: {
    fault: 'input',
    remedy: 'Check the name; a file must still be there when its event is consumed.',
  },
  MEDIA_FORBIDDEN: {
    fault: 'input',
    remedy: 'Use media that are allowed; files must lie under the media_roots of the topology.',
  },
  MEDIA_UNSUPPORTED: {
    fault: 'input',
    remedy:
      'Convert it: a picture to JPEG, PNG, WebP, AVIF, GIF, TIFF or BMP, a video to MP4, MOV, WebM, Matroska, AVI or MPEG.',
  },
  MEDIA_DAMAGED: { fault: 'input', remedy: 'Publish the media again from an intact copy.' },
  MEDIA_TOO_LARGE: { fault: 'input', remedy: 'Reduce the media, or raise the limit of the step that is named.' },
  MEDIA_EMPTY: { fault: 'input', remedy: 'Publish media that has at least one frame.' },
  CAPTION_MISSING: {
    fault: 'input',
    remedy:
      'Give a caption in the event, in a .txt file of the same name beside it, or in a metadata.csv or metadata.jsonl of its folder.',
  },
  CAPTION_UNREADABLE: {
    fault: 'input',
    remedy:
      'Write the caption as UTF-8, such as with `iconv -f WINDOWS-1252 -t UTF-8`, and without control characters.',
  },
  FFMPEG_NOT_FOUND: { fault: 'surroundings', remedy: 'Install ffmpeg, or name it with VIMI_FFMPEG and VIMI_FFPROBE.' },
  TOOL_CRASHED: {
    fault: 'passing',
    remedy:
      'Install a current ffmpeg: the file may be fine, it is the program that broke. `vimi doctor` tells which one is used.',
  },
  ENCODER_FAILED: { fault: 'passing', remedy: 'See the ffmpeg message; `vimi doctor` tells which ffmpeg is used.' },
  // Topology and configuration.
  TOPOLOGY_INVALID: { fault: 'input', remedy: 'Correct the listed places; `vimi validate` checks again.' },
  TOPOLOGY_NOT_FOUND: { fault: 'input', remedy: 'Run where topology.yaml is, or name it with --topology.' },
  USAGE: { fault: 'input', remedy: 'See --help.' },
  // Delivery.
  TRANSPORT_UNAVAILABLE: { fault: 'surroundings', remedy: 'Check that the transport of the profile can be reached.' },
  TRANSPORT_DENIED: { fault: 'surroundings', remedy: 'Check the credentials of the profile, and what they may do.' },
  TRANSPORT_FENCED: { fault: 'input', remedy: 'Nothing: another process owns this partition now.' },
  POSITION_TOO_LARGE: {
    fault: 'input',
    remedy: 'Set offset.metadata.max.bytes of the brokers to 4096, as it comes.',
  },
  POSITION_LOST: {
    fault: 'input',
    remedy:
      'Say what to do in the pipeline: on_lost_position: earliest does all that the topic keeps (again), latest goes on with what comes from now on.',
  },
  GROUP_BUSY: { fault: 'input', remedy: 'Stop the other consumer first, or use another group.' },
  TOPIC_UNKNOWN: { fault: 'input', remedy: 'Check the name; a new topic is declared in topology.yaml.' },
  COMPRESSION_UNKNOWN: { fault: 'input', remedy: 'Publish with gzip, snappy, lz4 or zstd, or without compression.' },
  LOG_DAMAGED: {
    fault: 'input',
    remedy:
      'Restore what is named: a file from a backup, a partition from an intact replica. Or start anew without it.',
  },
  // Stores.
  VIDEO_NOT_FOUND: {
    fault: 'input',
    remedy: '`vimi read videos` lists what is finished, `vimi read jobs` what became of each request.',
  },
  OBJECT_NOT_FOUND: { fault: 'input', remedy: 'Check the key, and that nobody removed the object.' },
  OBJECT_DAMAGED: { fault: 'input', remedy: 'Put an intact copy in its place, or make it again.' },
  OBJECT_KEY_INVALID: {
    fault: 'input',
    remedy: 'Use relative keys of letters, digits, dot, dash, underscore and slash.',
  },
  STORAGE_FULL: { fault: 'surroundings', remedy: 'Free some space; a pipeline that runs goes on by itself.' },
  STORAGE_UNAVAILABLE: {
    fault: 'surroundings',
    remedy: 'Check that the store or file that is named is there and can be reached.',
  },
  STORAGE_DENIED: { fault: 'surroundings', remedy: 'Check the keys of the object store and what they may do.' },
  BUCKET_NOT_FOUND: { fault: 'surroundings', remedy: 'Make the bucket, or give the keys leave to make it.' },
  STORAGE_REFUSED: {
    fault: 'passing',
    remedy: 'See what the object store answers: it took this call amiss, and no other.',
  },
  CLOCK_SKEWED: { fault: 'surroundings', remedy: 'Set the clock of this machine: S3 allows 15 minutes.' },
  INDEX_DAMAGED: { fault: 'surroundings', remedy: 'Nothing: the index is rebuilt from the corpus topic.' },
  INDEX_FOREIGN: {
    fault: 'surroundings',
    remedy: 'Give the profile another search path, or remove that folder: it is made again from the corpus topic.',
  },
  VECTOR_INVALID: { fault: 'input', remedy: 'Give as many finite numbers as the index has dimensions.' },
  // Models.
  WEIGHTS_NOT_FOUND: { fault: 'surroundings', remedy: 'Check the path, or train some with `vimi train`.' },
  WEIGHTS_DAMAGED: { fault: 'surroundings', remedy: 'Fetch the weights again, or train them anew.' },
  SHAPE_MISMATCH: { fault: 'input', remedy: 'Give tensors of the stated shape.' },
  MODEL_UNKNOWN: { fault: 'input', remedy: 'Use one of the named presets, or the path of a weights file.' },
  PACKAGE_NOT_INSTALLED: { fault: 'surroundings', remedy: 'Install the named package with npm; it is optional.' },
  BACKEND_UNAVAILABLE: { fault: 'surroundings', remedy: 'Use another backend: wasm is always there.' },
  MODEL_UNAVAILABLE: {
    fault: 'surroundings',
    remedy: 'Give the model process what it lacks, memory above all; it is started again by itself.',
  },
  MODEL_CRASHED: { fault: 'passing', remedy: 'The model process is started again by itself.' },
  TRAINING_DIVERGED: { fault: 'input', remedy: 'Lower the learning rate and resume from the last checkpoint.' },
  // The machine.
  INSTALL_FOREIGN: {
    fault: 'surroundings',
    remedy: 'Type `npm ci` under this Node (or `npm rebuild`): what is installed was built for another one.',
  },
  FILE_UNUSABLE: { fault: 'passing', remedy: 'Check that what is named is there and may be used by this user.' },
  OUT_OF_MEMORY: { fault: 'passing', remedy: 'Ask for less, or give the process more memory.' },
  // Control.
  CANCELLED: { fault: 'input', remedy: 'Nothing: it was asked for.' },
  STEP_STUCK: {
    fault: 'input',
    remedy: 'Mend the step that is named if it hangs; else raise step_limit of the pipeline.',
  },
  TIMED_OUT: { fault: 'passing', remedy: 'Raise the time limit of the step if this is not a hang.' },
  INTERNAL: {
    fault: 'input',
    remedy:
      'A defect: of the own operator that is named as the step, if one is, else of vimi; please report it with the text above.',
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
  cause?: unknown;
}

const brand = Symbol.for('vimi.error');

/** The one error class. `message` reads "summary: expected ..., found ... (where)". */
export class VimiError extends Error {
  /** An own operator may have brought its own copy of vimi: its errors are ours too. */
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

  /** An own operator may use codes of its own, in capitals like these. */
  constructor(code: ErrorCode | (string & {}), summary: string, facts: ErrorFacts = {}) {
    const expectation = [facts.expected && `expected ${facts.expected}`, facts.found && `found ${shorten(facts.found)}`]
      .filter(Boolean)
      .join(', ');
    super(`${summary}${expectation ? `: ${expectation}` : ''}${facts.where ? ` (${facts.where})` : ''}`, {
      cause: facts.cause,
    });
    this.name = 'VimiError';
    this.code = code as ErrorCode;
    this.summary = summary;
    this.expected = facts.expected;
    this.found = facts.found;
    this.where = facts.where;
    this.remedy = facts.remedy ?? aboutCode(code).remedy;
  }

  get fault(): Fault {
    return aboutCode(this.code).fault;
  }

  /** Whether the same input may succeed later without anybody changing it. */
  get retryable(): boolean {
    return this.fault !== 'input';
  }

  /** The same error where what was worked on has another name outside. */
  renamed(inside: string, outside: string): VimiError {
    const { code, summary, remedy, cause } = this;
    const [expected, found, where] = [this.expected, this.found, this.where].map((text) =>
      text?.replaceAll(inside, outside),
    );
    return new VimiError(code, summary, { expected, found, where, remedy, cause });
  }
}

/** An own operator may have codes of its own: each is a fault of its input, and only who wrote it knows what to do. */
const ownCode = {
  fault: 'input',
  remedy: 'See the own operator that is named as the step: the code is its own.',
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
const own = new URL('.', import.meta.url).href;

/** `FILE:LINE:COLUMN` of the innermost line outside of vimi and what it stands on: whose own operator it was. */
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

function meaningOf(system: string, text: string): [code: ErrorCode, summary?: string] {
  if (full.has(system)) return ['STORAGE_FULL', 'No space is left'];
  if (broken.has(system)) return ['STORAGE_UNAVAILABLE', 'A disk or the system refuses'];
  if (unusable.has(system)) return ['FILE_UNUSABLE', 'A file or folder cannot be used'];
  if (system === 'ERR_DLOPEN_FAILED' || text.includes('NODE_MODULE_VERSION'))
    return ['INSTALL_FOREIGN', `An installed module does not fit this Node (${process.version})`];
  if (system === 'ENOMEM' || memory.test(text)) return ['OUT_OF_MEMORY', 'There is not enough memory'];
  return ['INTERNAL'];
}

const full = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL']);
/** Whatever file is named: the disk, its mount, or what the system lets a process open at once. */
const broken = new Set(['EROFS', 'EMFILE', 'ENFILE', 'ESTALE', 'ENODEV', 'ENOTCONN', 'EHOSTDOWN', 'ESHUTDOWN']);
/** An event may have named it. */
const unusable = new Set(['EIO', 'EACCES', 'EPERM', 'EEXIST', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EBUSY']);
const sqlite = /^SQLITE_(BUSY|LOCKED|IOERR|CANTOPEN|READONLY|PERM|PROTOCOL|NOMEM)/;
const memory = /(could not|cannot) allocate|Array buffer allocation failed|Invalid array buffer length|out of memory/i;

function shorten(text: string, most = 200): string {
  return text.length > most ? `${cutText(text, most)}... (${text.length} characters)` : text;
}
