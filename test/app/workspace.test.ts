import { cpSync, existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { OpenedParts } from '../../src/app/opened-parts.js';
import { Workspace } from '../../src/app/workspace.js';
import { testFolder } from '../media/make-media.js';
import { quietLog, thrownBy } from '../operators/run-operator.js';

const folder = await testFolder();
const topology = join(folder, 'topology.yaml');
cpSync(join(import.meta.dirname, '../../topology.yaml'), topology);

describe('a workspace', () => {
  it('gives each run of a pipeline a folder in the work folder of the profile, and removes it in the end', async () => {
    const workspace = await Workspace.open({ topology, log: quietLog });
    // The corpus pipeline names no model, so that none is started.
    const pipeline = workspace.pipeline('corpus');
    const [one, two] = [await workspace.resources(pipeline), await workspace.resources(pipeline)];
    const { work } = workspace.topology.profile;
    expect(work).toBe(join(folder, '.vimi/work'));
    expect([dirname(one.workDir), dirname(two.workDir)]).toEqual([work, work]);
    expect(one.workDir).not.toBe(two.workDir);
    await workspace.close();
    expect(existsSync(one.workDir)).toBe(false);
    expect(readdirSync(work).filter((name) => !name.startsWith('.'))).toEqual([]);
  });

  it('reads what the topology leaves to the environment from the one that it is given', async () => {
    const env = {
      KAFKA_BROKERS: 'kafka:9092',
      S3_ENDPOINT: 'https://s3.example',
      S3_ACCESS_KEY: 'a',
      S3_SECRET_KEY: 'b',
    };
    const opened = await Workspace.open({ topology, profile: 'cluster', env, log: quietLog });
    expect(opened.topology.profile.transport).toMatchObject({ brokers: ['kafka:9092'] });
    const missing = await thrownBy(() => Workspace.open({ topology, profile: 'cluster', env: {}, log: quietLog }));
    expect(missing).toMatchObject({ code: 'TOPOLOGY_INVALID', message: expect.stringContaining('KAFKA_BROKERS') });
  });
});

describe('its parts', () => {
  it('are opened once, when they are asked for, and closed in the opposite order', async () => {
    const parts = new OpenedParts();
    const said: string[] = [];
    const open = (name: string) =>
      parts.once(name, async () => {
        said.push(`open ${name}`);
        parts.onClose(async () => void said.push(`close ${name}`));
        return name;
      });
    expect(await Promise.all([open('log'), open('log'), open('index')])).toEqual(['log', 'log', 'index']);
    await parts.close();
    // Nothing is closed twice.
    await parts.close();
    expect(said).toEqual(['open log', 'open index', 'close index', 'close log']);
  });

  it('are closed as far as they were opened, when one cannot be', async () => {
    const parts = new OpenedParts();
    let closed = false;
    const half = parts.once('half', async () => {
      parts.onClose(async () => {
        closed = true;
      });
      throw new Error('no room');
    });
    await expect(half).rejects.toThrow('no room');
    await parts.close();
    expect(closed).toBe(true);
  });
});
