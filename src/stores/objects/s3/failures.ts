import { asVimiError, type ErrorCode, VimiError } from '../../../core/errors.js';
import { isRegion } from './address.js';

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
  BUCKET_NOT_FOUND: 'The bucket does not exist',
  CLOCK_SKEWED: 'The object store refuses this clock',
  STORAGE_FULL: 'The object store has no space left',
  STORAGE_DENIED: 'The object store refuses a call',
  STORAGE_REFUSED: 'The object store does not take this object',
  STORAGE_UNAVAILABLE: 'The object store does not answer as it should',
};

/** Refusals of which the answer says more than "no": by the server's code, what a person has to look at. */
const refusals: Record<string, string> = {
  InvalidAccessKeyId: 'Check access_key: the server does not know it.',
  XAdminUserNotFound: 'Check access_key: the server does not know it.',
  SignatureDoesNotMatch: 'Check secret_key: it is not the one of this access_key.',
  InvalidBucketName: 'Check the name of the bucket.',
};

const untrusted =
  'If the certificate is signed by a CA of your own, name its PEM file in the objects of the profile: tls: { ca: PATH }.';
const hungUp = 'Check that an S3 server listens there. If its port has TLS, write the endpoint with https://.';
const noTls = 'The server answers without TLS: write the endpoint with http://, or name the port that has TLS.';

/** What a server takes amiss in one call and would not in another. Every other refusal is about who asks. */
const ofThisCall =
  /^(Invalid(Argument|Request|Digest|Part|PartOrder|Range|URI|ObjectName|ObjectState|StorageClass)|XMinioInvalidObjectName|KeyTooLong(Error)?|EntityToo(Large|Small)|Metadata(TooLarge|PartTooLarge)|Missing(ContentLength|RequestBodyError)|Malformed(XML|POSTRequest|Date)|MaxMessageLengthExceeded|PreconditionFailed|NotImplemented|MethodNotAllowed|UnexpectedContent)$/;

const otherRegion =
  /^(AuthorizationHeaderMalformed|AuthorizationQueryParametersError|PermanentRedirect|MovedPermanently|TemporaryRedirect|Redirect|IllegalLocationConstraintException|InvalidRegion|InvalidLocationConstraint)$/;

/** The region that the server wants: undefined, it is not about that; '': it is, and the server does not say which. */
function regionWanted(thrown: ServerError): string | undefined {
  const { code, message = '', region, amzBucketRegion } = thrown;
  if (!otherRegion.test(String(code)) || (/Malformed|Parameters/.test(String(code)) && !/region/i.test(message)))
    return undefined;
  const said = /expecting '?"?([a-z0-9-]{1,63})/.exec(unescaped(message))?.[1];
  const name = said ?? region ?? amzBucketRegion;
  return typeof name === 'string' && isRegion(name) ? name : '';
}

interface ServerError {
  code?: unknown;
  message?: string;
  name?: string;
  region?: unknown;
  amzBucketRegion?: unknown;
}

const entities: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** Answers are XML, and the client leaves the entities that have numbers. */
function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9a-f]{1,6})|(amp|lt|gt|quot|apos));/gi, (written, decimal, hex, name) => {
    if (name) return entities[name.toLowerCase()] ?? written;
    const point = decimal ? Number(decimal) : Number.parseInt(hex, 16);
    return point > 0 && point <= 0x10ffff ? String.fromCodePoint(point) : written;
  });
}

/** Turns what the S3 client threw into an error of vimi. `where`: the object's key, or the bucket. */
export function translate(thrown: unknown, where: string): VimiError {
  if (thrown instanceof VimiError) return thrown;
  const { code, message, name } = thrown as ServerError;
  const found = unescaped(`${code ?? ''} ${message ?? ''}`.trim());
  const meaning = meaningOf(String(code ?? ''), message ?? '', name === 'S3Error');
  if (!meaning) return asVimiError(thrown);
  const region = name === 'S3Error' ? regionWanted(thrown as ServerError) : undefined;
  if (region !== undefined)
    return new VimiError('STORAGE_DENIED', 'The object store belongs to another region than the profile says', {
      ...(region && { expected: `region ${region}` }),
      ...{ found, where, cause: thrown },
      remedy: region
        ? `Set region: ${region} in the objects of the profile.`
        : 'Set the region of the bucket in the objects of the profile, or the endpoint of that region.',
    });
  const refusal = Object.hasOwn(refusals, String(code)) ? refusals[String(code)] : undefined;
  const remedy = tlsRemedy(String(code ?? ''), message ?? '') ?? refusal;
  return new VimiError(meaning, summaries[meaning] ?? meaning, { found, where, remedy, cause: thrown });
}

/** Where one side has TLS and the other has not, or not from an authority that is known here. */
function tlsRemedy(code: string, message: string): string | undefined {
  if (/wrong version number|packet length too long/.test(message)) return noTls;
  if (/^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) return untrusted;
  return /socket hang up/.test(message) ? hungUp : undefined;
}

function meaningOf(code: string, message: string, isAnswer: boolean): ErrorCode | undefined {
  if (Object.hasOwn(meanings, code)) return meanings[code];
  if (isAnswer) return ofThisCall.test(code) ? 'STORAGE_REFUSED' : 'STORAGE_DENIED';
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
