// @ts-nocheck: a plain script
/**
 * Kills processes at random moments, and starts them again, until it is told to stop. Between two kills up to `most` events come to
 * their ends: else a busy machine would never get anything done.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../chaos/random.mjs';

/** `services`: whole ones, each of which may also lose the process of its model. */
export function killAtRandom(services, { seed, most, say }) {
  const random = seeded(seed);
  const stopping = new AbortController();
  const { signal } = stopping;
  const counts = {};
  const killed = (what) => {
    counts[what] = (counts[what] ?? 0) + 1;
    say(`killed ${what}`);
  };
  const outcomes = async () => {
    const all = await Promise.all(services.map((service) => service.outcomes()));
    return all.reduce((sum, count) => sum + count, 0);
  };
  const run = async () => {
    while (!signal.aborted) {
      await sleep(2000 + random() * 13_000, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      const service = services[Math.floor(random() * services.length)];
      const enough = (await outcomes()) + Math.floor(random() * (most + 1));
      while (!signal.aborted && (await outcomes()) < enough) await sleep(200);
      if (signal.aborted) return;
      const [model] = service.modelProcesses();
      if (model && random() < 0.5) {
        process.kill(model.pid, 'SIGKILL');
        killed(`the model of ${service.name}`);
        continue;
      }
      await service.kill();
      killed(service.name);
      const from = performance.now();
      await sleep(random() * 2000);
      await service.start();
      say(`${service.name} is ready again after ${((performance.now() - from) / 1000).toFixed(1)} s`);
    }
  };
  const running = run();
  return {
    counts,
    failed: running,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
