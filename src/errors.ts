/**
 * Every error that vimi raises on purpose, as one closed list.
 *
 * A code is a promise to whoever reads rejects, logs and exit messages: it never changes its meaning. `retryable` says
 * whether the same input may succeed later without anybody changing it; `remedy` says what a person can do.
 */
export const errorCodes = {
  // Events: what an upstream system sent is not what its topic carries.
  EVENT_MALFORMED: { retryable: false, remedy: 'Send one JSON object per record; see docs/topics.md for each topic.' },
  EVENT_INVALID: { retryable: false, remedy: 'Correct the named fields; see the JSON Schema under docs/schemas.' },
  EVENT_TOO_LARGE: { retryable: false, remedy: 'Send media by reference (uri), not inline.' },
  EVENT_UNKNOWN_TYPE: { retryable: false, remedy: 'Use a type that this topic carries, or send no ce_type header.' },
  // Requests that are well formed but cannot be served.
  PROMPT_EMPTY: { retryable: false, remedy: 'Say what the video should show, in text, images or both.' },
  PROMPT_TOO_LONG: { retryable: false, remedy: 'Shorten the prompt.' },
  REQUEST_OVER_LIMIT: {
    retryable: false,
    remedy: 'Ask for less; the step that is named sets the limit: what admit allows, or what the model can make.',
  },
  REQUEST_EXPIRED: { retryable: false, remedy: 'Send the request again with a later deadline.' },
  // Media.
  MEDIA_NOT_FOUND: {
    retryable: false,
    remedy: 'Check the name; a file must still be there when its event is consumed.',
  },
  MEDIA_FORBIDDEN: {
    retryable: false,
    remedy: 'Use media that are allowed; files must lie under the media_roots of the topology.',
  },
  MEDIA_UNSUPPORTED: { retryable: false, remedy: 'Convert it to a video or image format that ffmpeg reads.' },
  MEDIA_DAMAGED: { retryable: false, remedy: 'Publish the media again from an intact copy.' },
  MEDIA_TOO_LARGE: { retryable: false, remedy: 'Reduce the media, or raise the limit of the fetch or probe step.' },
  MEDIA_EMPTY: { retryable: false, remedy: 'Publish media that has at least one frame.' },
  CAPTION_MISSING: {
    retryable: false,
    remedy: 'Give a caption in the event, or a .txt file of the same name beside it.',
  },
  FFMPEG_NOT_FOUND: { retryable: false, remedy: 'Install ffmpeg, or name it with VIMI_FFMPEG and VIMI_FFPROBE.' },
  ENCODER_FAILED: { retryable: true, remedy: 'See the ffmpeg message; `vimi doctor` tells which ffmpeg is used.' },
  // Topology and configuration.
  TOPOLOGY_INVALID: { retryable: false, remedy: 'Correct the listed places; `vimi validate` checks again.' },
  TOPOLOGY_NOT_FOUND: { retryable: false, remedy: 'Run where topology.yaml is, or name it with --topology.' },
  USAGE: { retryable: false, remedy: 'See --help.' },
  // Delivery.
  TRANSPORT_UNAVAILABLE: { retryable: true, remedy: 'Check that the transport of the profile can be reached.' },
  TRANSPORT_DENIED: { retryable: false, remedy: 'Check the credentials of the profile, and what they may do.' },
  TRANSPORT_FENCED: { retryable: false, remedy: 'Nothing: another process owns this partition now.' },
  POSITION_TOO_LARGE: {
    retryable: false,
    remedy: 'Set offset.metadata.max.bytes of the brokers to 4096, as it comes.',
  },
  GROUP_BUSY: { retryable: false, remedy: 'Stop the other consumer first, or use another group.' },
  TOPIC_UNKNOWN: { retryable: false, remedy: 'Check the name; a new topic is declared in topology.yaml.' },
  COMPRESSION_UNKNOWN: { retryable: false, remedy: 'Publish with gzip, snappy, lz4 or zstd, or without compression.' },
  LOG_DAMAGED: {
    retryable: false,
    remedy:
      'Restore what is named: a file from a backup, a partition from an intact replica. Or start anew without it.',
  },
  // Stores.
  OBJECT_NOT_FOUND: { retryable: false, remedy: 'Check the key, and that nobody removed the object.' },
  OBJECT_DAMAGED: { retryable: false, remedy: 'Put an intact copy in its place, or make it again.' },
  OBJECT_KEY_INVALID: {
    retryable: false,
    remedy: 'Use relative keys of letters, digits, dot, dash, underscore and slash.',
  },
  STORAGE_FULL: { retryable: true, remedy: 'Free some space; the pipeline goes on by itself.' },
  STORAGE_UNAVAILABLE: {
    retryable: true,
    remedy: 'Check that the store or file that is named is there and can be reached.',
  },
  STORAGE_DENIED: { retryable: false, remedy: 'Check the keys of the object store and what they may do.' },
  BUCKET_NOT_FOUND: { retryable: false, remedy: 'Make the bucket, or give the keys leave to make it.' },
  CLOCK_SKEWED: { retryable: false, remedy: 'Set the clock of this machine: S3 allows 15 minutes.' },
  INDEX_DAMAGED: { retryable: true, remedy: 'Nothing: the index is rebuilt from the corpus topic.' },
  INDEX_FOREIGN: {
    retryable: false,
    remedy: 'Give the profile another search path, or remove that folder: it is made again from the corpus topic.',
  },
  VECTOR_INVALID: { retryable: false, remedy: 'Give as many finite numbers as the index has dimensions.' },
  // Models.
  WEIGHTS_NOT_FOUND: { retryable: false, remedy: 'Check the path, or train some with `vimi train`.' },
  WEIGHTS_DAMAGED: { retryable: false, remedy: 'Fetch the weights again, or train them anew.' },
  SHAPE_MISMATCH: { retryable: false, remedy: 'Give tensors of the stated shape.' },
  MODEL_UNKNOWN: { retryable: false, remedy: 'Use one of the named presets, or the path of a weights file.' },
  PACKAGE_NOT_INSTALLED: { retryable: false, remedy: 'Install the named package with npm; it is optional.' },
  BACKEND_UNAVAILABLE: { retryable: false, remedy: 'Use another backend: wasm is always there.' },
  MODEL_CRASHED: { retryable: true, remedy: 'The model process is started again by itself.' },
  TRAINING_DIVERGED: { retryable: false, remedy: 'Lower the learning rate and resume from the last checkpoint.' },
  // Control.
  CANCELLED: { retryable: false, remedy: 'Nothing: it was asked for.' },
  TIMED_OUT: { retryable: true, remedy: 'Raise the time limit of the step if this is not a hang.' },
  INTERNAL: {
    retryable: false,
    remedy:
      'A defect: of the own operator that is named as the step, if one is, else of vimi; please report it with the text above.',
  },
} as const satisfies Record<string, { retryable: boolean; remedy: string }>;

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

  constructor(code: ErrorCode, summary: string, facts: ErrorFacts = {}) {
    const expectation = [facts.expected && `expected ${facts.expected}`, facts.found && `found ${shorten(facts.found)}`]
      .filter(Boolean)
      .join(', ');
    super(`${summary}${expectation ? `: ${expectation}` : ''}${facts.where ? ` (${facts.where})` : ''}`, {
      cause: facts.cause,
    });
    this.name = 'VimiError';
    this.code = code;
    this.summary = summary;
    this.expected = facts.expected;
    this.found = facts.found;
    this.where = facts.where;
    this.remedy = facts.remedy ?? errorCodes[code].remedy;
  }

  get retryable(): boolean {
    return errorCodes[this.code].retryable;
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

/** Turns whatever was thrown into a VimiError; a foreign error keeps its text and becomes the cause. */
export function asVimiError(thrown: unknown): VimiError {
  if (thrown instanceof VimiError) return thrown;
  const system = (thrown as { code?: unknown } | null)?.code;
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  if (system === 'ENOSPC' || system === 'EDQUOT' || system === 'SQLITE_FULL')
    return new VimiError('STORAGE_FULL', `No space is left: ${text}`, { cause: thrown });
  if (['EACCES', 'EPERM', 'EROFS', 'EEXIST', 'ENOTDIR', 'EIO'].includes(String(system)))
    return new VimiError('STORAGE_UNAVAILABLE', `A file or folder cannot be used: ${text}`, { cause: thrown });
  return new VimiError('INTERNAL', text, { cause: thrown });
}

function shorten(text: string, most = 200): string {
  return text.length > most ? `${text.slice(0, most)}... (${text.length} characters)` : text;
}
