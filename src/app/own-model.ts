import { availableParallelism } from 'node:os';
import type { Clock } from '../core/clock.js';
import type { Denoiser, ModelChoice } from '../models/ports.js';
import { createDenoiser, type ModelLog } from '../models/servers/denoiser.js';
import { DenoiserPool } from '../models/servers/pool.js';
import type { OwnModel } from '../streams/topology/models.js';

/**
 * A model of this machine as the topology names it: a process for each device, or so many processes, which share the processors. Fails as
 * `createDenoiser` does when one of them cannot be started, and then none runs.
 */
export async function openOwnModel(
  { backend, processes = 1, devices, threads }: OwnModel,
  { parts, log, clock, budgets }: { parts: ModelChoice; log: ModelLog; clock: Clock; budgets: string },
): Promise<Denoiser> {
  const places = devices ?? Array<undefined>(processes).fill(undefined);
  const each =
    threads ?? (places.length > 1 ? Math.max(1, Math.floor(availableParallelism() / places.length)) : undefined);
  const open = (device: (typeof places)[number], n: number) =>
    createDenoiser({
      ...{ ...parts, clock, budgets, backend: typeof device === 'number' ? 'tensorflow' : backend },
      ...(each !== undefined && { threads: each }),
      ...(device !== undefined && { device }),
      log:
        places.length > 1
          ? (line, level) => log(`${device === undefined ? `process ${n + 1}` : `device ${device}`}: ${line}`, level)
          : log,
    });
  const opened = await Promise.allSettled(places.map(open));
  const denoisers = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = opened.find((one) => one.status === 'rejected');
  if (failed) {
    await Promise.all(denoisers.map((denoiser) => denoiser.close()));
    throw failed.reason;
  }
  return denoisers.length === 1 ? denoisers[0]! : new DenoiserPool(denoisers, clock);
}
