import type { Clock } from '../core/clock.js';
import type { Denoiser } from '../models/ports.js';
import { placeOf } from '../models/servers/remote/exchange.js';
import { openAiDialect } from '../models/servers/remote/openai-dialects.js';
import { createRemoteDenoiser } from '../models/servers/remote/remote-denoiser.js';
import { vimiDialect } from '../models/servers/remote/vimi-dialect.js';
import type { RemoteModel } from '../streams/topology/models.js';
import { readCertificates } from './pem-file.js';

/** A model server as the topology names it; it is not called yet. TOPOLOGY_INVALID for a file of authorities that is none. */
export function openRemoteModel(
  { url, dialect: name, makes, model, api_key: key, ca, run_limit }: RemoteModel,
  { workDir, clock }: { workDir: string; clock: Clock | undefined },
): Denoiser {
  const server = { url, model, key, ca: ca === undefined ? undefined : readCertificates(ca), workDir };
  const dialect = name === 'vimi' ? vimiDialect(server) : openAiDialect(server, name, makes!);
  return createRemoteDenoiser({
    dialect,
    where: placeOf(server),
    runSeconds: run_limit / 1000,
    ...(clock && { clock }),
  });
}
