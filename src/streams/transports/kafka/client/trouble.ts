import { VimiError } from '../../../../core/errors.js';

/** The protocol's name for what went wrong, or the driver's; 'UNKNOWN' when it has none. */
export function troubleOf(thrown: unknown): string {
  const { type, name, code, cause, errors } = (thrown ?? {}) as {
    type?: string;
    name?: string;
    code?: string;
    cause?: unknown;
    errors?: unknown[];
  };
  if (name === 'KafkaJSAggregateError' && errors?.length) return troubleOf(errors[0]);
  if (type === 'KAFKAJS_UNKNOWN_ERROR_CODE') return /code (\d+)/.exec(String(thrown))?.[1] ?? 'UNKNOWN';
  if (typeof type === 'string') return type;
  if (name === 'KafkaJSNumberOfRetriesExceeded' || name === 'KafkaJSNonRetriableError')
    return cause ? troubleOf(cause) : name;
  return name ?? code ?? 'UNKNOWN';
}

/** Another producer with the same transactional id began after this one, or the broker ended the transaction. */
const fencing = new Set([
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'INVALID_TXN_STATE',
  'TRANSACTION_COORDINATOR_FENCED',
  // PRODUCER_FENCED, which the driver has no name for.
  '90',
]);

export function isFencing(thrown: unknown): boolean {
  return fencing.has(troubleOf(thrown));
}

/** The broker is busy with what was asked before; it needs milliseconds. */
export function isBusy(thrown: unknown): boolean {
  const trouble = troubleOf(thrown);
  // GROUP_LOAD_IN_PROGRESS is what the driver calls COORDINATOR_LOAD_IN_PROGRESS.
  return trouble === 'CONCURRENT_TRANSACTIONS' || trouble === 'GROUP_LOAD_IN_PROGRESS';
}

export function isTooLarge(thrown: unknown): boolean {
  const trouble = troubleOf(thrown);
  return trouble === 'MESSAGE_TOO_LARGE' || trouble === 'RECORD_LIST_TOO_LARGE';
}

/** A compacted topic wants keys, and no topic wants records from the future. */
const refusals = new Set(['INVALID_RECORD', '87', 'INVALID_TIMESTAMP', 'POLICY_VIOLATION']);

const denied =
  /AUTHORIZATION_FAILED|AUTHENTICATION_FAILED|KafkaJSSASLAuthenticationError|UNSUPPORTED_SASL_MECHANISM|ILLEGAL_SASL_STATE/;

/** As the rest of the house knows errors. `where`: the topic, group or broker that was spoken to or of. */
export function asTransportError(thrown: unknown, where: string): VimiError {
  if (thrown instanceof VimiError) return thrown;
  const trouble = troubleOf(thrown);
  const text = thrown instanceof Error ? thrown.message : String(thrown);
  const facts = { where, cause: thrown, found: text };
  if (trouble === 'UNKNOWN_TOPIC_OR_PARTITION' || trouble === 'INVALID_TOPIC_EXCEPTION') return unknownTopic(where);
  if (isTooLarge(thrown))
    return new VimiError('EVENT_TOO_LARGE', 'This record is too large for the broker', { where, cause: thrown });
  if (trouble === 'OFFSET_METADATA_TOO_LARGE')
    return new VimiError('POSITION_TOO_LARGE', 'The brokers accept less metadata with an offset than this', {
      where,
      cause: thrown,
    });
  if (refusals.has(trouble))
    return new VimiError('EVENT_INVALID', 'The topic does not accept this record', {
      ...facts,
      expected: 'a record that fits its settings',
    });
  const remedy = tlsRemedies.find(([told]) => told.test(text))?.[1];
  if (denied.test(trouble) || isDistrust(thrown))
    return new VimiError('TRANSPORT_DENIED', 'Kafka refused this client', { ...facts, remedy });
  return new VimiError('TRANSPORT_UNAVAILABLE', 'Kafka did not carry out the request', { ...facts, remedy });
}

/** Where one side has TLS and the other has not, or not from an authority that is known here, by how Node tells it. */
const tlsRemedies: [told: RegExp, remedy: string][] = [
  [
    /Closed connection/,
    'Check that a Kafka broker listens there. If its port has TLS, set tls: true in the transport of the profile.',
  ],
  [
    /before secure TLS connection was established|wrong version number|packet length too long/,
    'Check that this port of the broker has TLS; if it has not, leave tls out of the transport of the profile.',
  ],
  [
    /self-signed certificate|unable to (verify|get)/,
    'If the certificate is signed by a CA of your own, name its PEM file in the transport of the profile: tls: { ca: PATH }.',
  ],
];

/** Whether asking again may help without anybody's doing. Who is refused asks a person first. */
export function mayPass(error: VimiError): boolean {
  return error.retryable && error.code !== 'TRANSPORT_DENIED';
}

/** One side does not believe the other's certificate, or does not speak TLS. */
function isDistrust(thrown: unknown): boolean {
  const { name, code, cause } = (thrown ?? {}) as { name?: string; code?: unknown; cause?: unknown };
  if (name === 'KafkaJSConnectionError') return /CERT|VERIFY|^ERR_(TLS|SSL)|^EPROTO$/.test(String(code));
  return cause !== undefined && cause !== thrown && isDistrust(cause);
}

export function unknownTopic(where: string): VimiError {
  return new VimiError('TOPIC_UNKNOWN', 'There is no such topic or partition', { where });
}
