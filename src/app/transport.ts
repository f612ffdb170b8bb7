import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../core/log.js';
import type { TransportSpec } from '../streams/topology/profiles.js';
import { openEmbedded } from '../streams/transports/embedded/open-embedded.js';
import type { Transport } from '../streams/transports/transport.js';
import type { TransportMetrics } from '../streams/transports/transport-metrics.js';
import { readCertificates, readPrivateKey } from './pem-file.js';

export interface Around {
  log: Log;
  metrics: TransportMetrics;
  /** Servers that were never met are waited for so long, in milliseconds. */
  firstContactMs?: number;
  /** The work folder. */
  work: string;
  /** Whether this process removes what retention and compaction let go; the embedded log has nobody else to do it. */
  cleans: boolean;
}

/** The transport that a profile names. Kafka's is loaded only where one asks for it. */
export async function openTransport(spec: TransportSpec, around: Around): Promise<Transport> {
  if (spec.type === 'embedded') {
    await mkdir(spec.path, { recursive: true, mode: 0o700 });
    return openEmbedded({ path: logFile(spec), cleans: around.cleans });
  }
  const { work, ...rest } = around;
  const { openKafka } = await import('../streams/transports/kafka/open-kafka.js');
  const { brokers, client_id: clientId, sasl, session_timeout: sessionMs } = spec;
  return openKafka({ brokers, clientId, tls: tlsOf(spec), sasl, sessionMs, notes: work, ...rest });
}

/** Of the embedded transport. */
export function logFile({ path }: TransportSpec & { type: 'embedded' }): string {
  return join(path, 'log.sqlite');
}

function tlsOf({ tls }: TransportSpec & { type: 'kafka' }) {
  if (typeof tls === 'boolean') return tls;
  const { ca, cert, key } = tls;
  return {
    ...(ca && { ca: readCertificates(ca) }),
    ...(cert && { cert: readCertificates(cert) }),
    ...(key && { key: readPrivateKey(key) }),
  };
}
