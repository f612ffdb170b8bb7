import type { VimiError } from '../../core/errors.js';

/** Where the fault alone does not say it. */
const statuses: Record<string, number> = {
  HTTP_MALFORMED: 400,
  EVENT_MALFORMED: 400,
  KEY_MISSING: 401,
  KEY_REFUSED: 403,
  ORIGIN_REFUSED: 403,
  MEDIA_FORBIDDEN: 403,
  WEBHOOK_FORBIDDEN: 403,
  ROUTE_UNKNOWN: 404,
  DOCUMENT_NOT_FOUND: 404,
  JOB_NOT_FOUND: 404,
  VIDEO_NOT_FOUND: 404,
  WEBHOOK_NOT_FOUND: 404,
  REJECT_NOT_FOUND: 404,
  VARIANT_NOT_FOUND: 404,
  PREVIEW_NOT_FOUND: 404,
  OBJECT_NOT_FOUND: 404,
  OBJECT_KEY_INVALID: 404,
  VIDEO_NOT_READY: 409,
  PRECONDITION_FAILED: 412,
  EVENT_TOO_LARGE: 413,
  HTTP_TOO_LARGE: 413,
  MEDIA_TOO_LARGE: 413,
  HTTP_MEDIA_TYPE: 415,
  MEDIA_UNSUPPORTED: 415,
  RANGE_INVALID: 416,
  RATE_LIMITED: 429,
  QUEUE_FULL: 429,
  STREAMS_FULL: 429,
  INTERNAL: 500,
  OBJECT_DAMAGED: 500,
  LOG_DAMAGED: 500,
  SOURCE_TOO_SLOW: 504,
  SOURCE_UNREACHABLE: 502,
  TIMED_OUT: 504,
};

/** The status of an answer that tells of an error: of the caller's 4xx, of what the server stands on 503. */
export function statusOf({ code, fault }: VimiError): number {
  if (Object.hasOwn(statuses, code)) return statuses[code]!;
  return fault === 'input' ? 422 : fault === 'surroundings' ? 503 : 500;
}
