import { asVimiError, type ErrorCode, VimiError } from '../../errors.js';

/*
 * What a call to an S3 server can end in, by the server's own error code or by Node's. Anything else that a server
 * answers is a refusal: it would answer the same again.
 */
const meanings: Record<string, ErrorCode> = {
  NoSuchKey: 'OBJECT_NOT_FOUND',
  NotFound: 'OBJECT_NOT_FOUND',
  NoSuchBucket: 'BUCKET_NOT_FOUND',
  RequestTimeTooSkewed: 'CLOCK_SKEWED',
  // Servers over a folder: the key runs into another object.
  ObjectParentIsFile: 'OBJECT_KEY_INVALID',
  ExistingObjectIsDirectory: 'OBJECT_KEY_INVALID',
  QuotaExceeded: 'STORAGE_FULL',
  NoSpaceLeftOnDevice: 'STORAGE_FULL',
  XMinioStorageFull: 'STORAGE_FULL',
  InsufficientStorage: 'STORAGE_FULL',
  SlowDown: 'STORAGE_UNAVAILABLE',
  InternalError: 'STORAGE_UNAVAILABLE',
  ServiceUnavailable: 'STORAGE_UNAVAILABLE',
  RequestTimeout: 'STORAGE_UNAVAILABLE',
  OperationAborted: 'STORAGE_UNAVAILABLE',
  // Another writer of the same key was under way, so that the condition could not be judged.
  ConditionalRequestConflict: 'STORAGE_UNAVAILABLE',
  // An upload that another writer of the same key brought to its end or away.
  NoSuchUpload: 'STORAGE_UNAVAILABLE',
  BadDigest: 'STORAGE_UNAVAILABLE',
  XAmzContentSHA256Mismatch: 'STORAGE_UNAVAILABLE',
  IncompleteBody: 'STORAGE_UNAVAILABLE',
};

const network =
  /^(ECONN|ENET|EHOST|EAI_|ENOTFOUND|ETIMEDOUT|EPIPE|EPROTO|ERR_TLS|ERR_SSL|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO|ERR_STREAM_PREMATURE_CLOSE)/;

const summaries: Partial<Record<ErrorCode, string>> = {
  OBJECT_NOT_FOUND: 'There is no such object',
  OBJECT_KEY_INVALID: 'Other objects lie above or below this key',
  BUCKET_NOT_FOUND: 'The bucket is not there',
  CLOCK_SKEWED: 'The object store refuses this clock',
  STORAGE_FULL: 'The object store has no space left',
  STORAGE_DENIED: 'The object store refuses a call',
  STORAGE_UNAVAILABLE: 'The object store does not answer as it should',
};

/** Turns what the S3 client threw into an error of vimi. `where`: the object's key, or the bucket. */
export function translate(thrown: unknown, where: string): VimiError {
  if (thrown instanceof VimiError) return thrown;
  const { code, message, name } = thrown as { code?: unknown; message?: string; name?: string };
  const found = `${code ?? ''} ${message ?? ''}`.trim();
  const meaning = meaningOf(String(code ?? ''), message ?? '', name === 'S3Error');
  if (!meaning) return asVimiError(thrown);
  return new VimiError(meaning, summaries[meaning] ?? meaning, { found, where, cause: thrown });
}

function meaningOf(code: string, message: string, isAnswer: boolean): ErrorCode | undefined {
  if (Object.hasOwn(meanings, code)) return meanings[code];
  if (isAnswer) return 'STORAGE_DENIED';
  // The client throws plain errors for answers of 408, 429 and 5xx, and for an answer that is cut short.
  if (network.test(code) || /Retryable HTTP status|^aborted$|socket hang up/.test(message))
    return 'STORAGE_UNAVAILABLE';
  return undefined;
}

/** A server makes room while one waits. A certificate that is not trusted now will not be in a second either. */
export function mayPass(error: VimiError): boolean {
  const code = String((error.cause as { code?: unknown } | undefined)?.code ?? '');
  if (error.code === 'STORAGE_FULL') return meanings[code] === 'STORAGE_FULL';
  return error.code === 'STORAGE_UNAVAILABLE' && !/^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code);
}
