// @ts-nocheck: a plain script
/**
 * Kills processes at random moments, and starts them again, until each kind was killed so often or it is told to stop: of the kinds
 * that there are always one that was killed least. Every other kill waits until all queues are whole again and some jobs have ended since:
 * the rest may come in the middle of the trouble before. Else turns could be looked at nowhere.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { seeded } from '../chaos/random.mjs';

/** A service that has not read its backlog by then is called settled all the same. Milliseconds. */
const settledMs = 120_000;
/** Outcomes between two kills that show whether turns are kept. */
const calm = 6;

/**
 * `services`: whole ones, each of which may also lose the process of its model; each kind is killed so many `times`; `jobs` that they are to bring to
 * their ends: the kills are spread over the first three quarters.
 */
export function killAtRandom(services, { seed, jobs, times, say }) {
  const random = seeded(seed);
  const stopping = new AbortController();
  const { signal } = stopping;
  const counts = {};
  /** From a kill until every service has its queue again: { from, until } in milliseconds since 1970. */
  const disturbed = [];
  /** Services that are being started again: meanwhile others are killed, up to the last one. */
  const returning = new Map();
  for (const { name } of services) counts[name] = 0;
  const there = () => services.filter((service) => !returning.has(service));
  const outcomes = async () => {
    const all = await Promise.all(there().map((service) => service.outcomes()));
    return all.reduce((sum, count) => sum + count, 0);
  };
  const targets = () =>
    there().flatMap((service) => [
      { service, kind: service.name },
      ...service.modelProcesses().map(({ pid }) => ({ service, pid, kind: `the model of ${service.name}` })),
    ]);
  const killAndStart = async (service, trouble) => {
    await service.kill();
    const from = performance.now();
    await sleep(random() * 2000);
    await service.start();
    returning.delete(service);
    say(`${service.name} is ready again after ${((performance.now() - from) / 1000).toFixed(1)} s`);
    await settled(services, signal);
    trouble.until = Date.now();
  };
  let failed;
  const failing = new Promise((_, reject) => {
    failed = reject;
  });
  failing.catch(() => {});
  const killOne = () => {
    const all = targets();
    for (const { kind } of all) counts[kind] ??= 0;
    const least = Math.min(...all.map(({ kind }) => counts[kind]));
    const few = all.filter(({ kind }) => counts[kind] === least && counts[kind] < times);
    if (few.length === 0) return;
    const { service, pid, kind } = few[Math.floor(random() * few.length)];
    // The process of a model has no queue: whoever waits for it goes on waiting.
    if (pid && !killed(pid)) return;
    counts[kind]++;
    say(`killed ${kind}`);
    if (pid) return;
    const trouble = { from: Date.now(), until: Number.POSITIVE_INFINITY };
    disturbed.push(trouble);
    returning.set(service, killAndStart(service, trouble).catch(failed));
  };
  const run = async () => {
    while (!signal.aborted && Object.values(counts).some((count) => count < times)) {
      await sleep(1000 + random() * 3000, undefined, { signal }).catch(() => {});
      const kinds = Object.keys(counts).length;
      const isCalm = Object.values(counts).reduce((sum, count) => sum + count, 0) % 2 === 0;
      while (isCalm && !signal.aborted && disturbed.some(({ until }) => until > Date.now())) await sleep(200);
      const enough = (await outcomes()) + (isCalm ? calm : 0) + Math.floor((random() * 1.5 * jobs) / (kinds * times));
      while (!signal.aborted && there().length > 0 && (await outcomes()) < enough) await sleep(200);
      if (!signal.aborted) killOne();
    }
  };
  const running = run().catch(failed);
  return {
    counts,
    disturbed,
    /** Rejects when a service does not start again. */
    failing,
    async stop() {
      stopping.abort();
      await running;
      await Promise.all(returning.values());
    },
  };
}

/** false: it ended meanwhile. */
function killed(pid) {
  try {
    return process.kill(pid, 'SIGKILL');
  } catch {
    return false;
  }
}

/** All that was asked for waits where turns are kept, twice in a row. */
async function settled(services, signal) {
  const end = performance.now() + settledMs;
  for (let looks = 0; looks < 2 && performance.now() < end && !signal.aborted; ) {
    const late = await Promise.all(services.map((service) => service.onTheirWay()));
    looks = late.every((count) => count <= 1) ? looks + 1 : 0;
    await sleep(200);
  }
}
