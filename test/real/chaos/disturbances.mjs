// @ts-nocheck: a plain script
import { setTimeout as pause } from 'node:timers/promises';
import { fill } from './small-disk.mjs';

/*
 * What goes wrong. Each takes the run's world (see chaos.mjs), does its harm, waits until it has worked, and puts right
 * what is not the workers' own to put right.
 */

export const disturbances = {
  /** A worker is gone in the middle of whatever it did; another comes. */
  async kill(world) {
    const { crew } = world;
    const name = await oneAtWork(world);
    await crew.kill(name);
    return `${name} killed, ${crew.start()} comes`;
  },

  async join({ crew }) {
    return `${crew.start()} comes`;
  },

  /** Of two versions: one worker is upgraded, or taken back to the older one. */
  async roll(world) {
    const name = await oneAtWork(world);
    return `${name} ended in order, ${await world.crew.roll(name)} comes`;
  },

  /** A worker hangs until the group has shut it out and the others have gone on, and then continues where it was. */
  async zombie(world) {
    const { crew, members, settled, isIdle, until } = world;
    const name = await oneAtWork(world);
    const child = crew.working.get(name);
    child.kill('SIGSTOP');
    try {
      await until(`${name} is out of the groups`, async () => !(await members()).includes(name));
      const before = await settled();
      await until('the others go on', async () => (await settled()) > before || (await isIdle()));
    } finally {
      child.kill('SIGCONT');
    }
    return `${name} hung until it was out of its groups, and goes on`;
  },

  /** Its data stay; half of the time it has no chance to end in order. */
  async broker({ kafka, random, awaySeconds }) {
    const inOrder = random() < 0.5;
    if (inOrder) await kafka.stop();
    else await crash(kafka);
    await pause(awaySeconds * 1000);
    await kafka.start();
    return `the broker ${inOrder ? 'stopped' : 'crashed'}, and came back after ${awaySeconds} s`;
  },

  async objects({ s3, awaySeconds }) {
    await s3.stop();
    await pause(awaySeconds * 1000);
    await s3.start();
    return `the object store was away for ${awaySeconds} s`;
  },

  /**
   * The clock of a worker jumps: the store refuses it, and no event is rejected for that. The others go on, unless all that is left
   * is this worker's own: no more events come before this is over.
   */
  async clock(world) {
    const { crew, settled, isIdle, awaySeconds } = world;
    const name = await oneAtWork(world);
    const child = crew.working.get(name);
    child.kill('SIGUSR2');
    try {
      await pause(awaySeconds * 1000);
      const before = await settled();
      for (const end = Date.now() + 10_000 * awaySeconds; Date.now() < end; await pause(300))
        if ((await settled()) > before || (await isIdle())) break;
    } finally {
      child.kill('SIGUSR2');
    }
    return `the clock of ${name} was an hour ahead for ${awaySeconds} s or more`;
  },

  async disk({ disk, fullness, awaySeconds }) {
    let free = fill(disk);
    try {
      let code = await fullness();
      // What a worker removes at that moment leaves room.
      for (let tries = 0; code === 'not full' && tries < 20; tries++) {
        free = fill(disk);
        code = await fullness();
      }
      if (code !== 'STORAGE_FULL') throw new Error(`a full disk is said to be ${code}`);
      await pause(awaySeconds * 1000);
    } finally {
      free();
    }
    return `the disk of the object store was full for ${awaySeconds} s`;
  },
};

async function oneAtWork({ crew, random, until }) {
  await until('a worker has partitions', () => crew.atWork().length > 0);
  const names = crew.atWork();
  return names[Math.floor(random() * names.length)];
}

async function crash(server) {
  const pid = server.running();
  process.kill(pid, 'SIGKILL');
  while (server.running() !== null) await pause(20);
}

/** `count` disturbances in a drawn order, each at a share of the work that is done: `[{ at: 0.07, kind: 'kill' }, ...]`. */
export function plan({ kinds, random, from = 0.03, to = 0.85 }) {
  const left = [...kinds];
  const order = [];
  while (left.length > 0) order.push(...left.splice(Math.floor(random() * left.length), 1));
  const moments = order.map(() => from + random() * (to - from)).sort((a, b) => a - b);
  return order.map((kind, n) => ({ at: moments[n], kind }));
}
