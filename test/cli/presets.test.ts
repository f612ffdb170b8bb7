import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import { generate } from '../../src/cli/commands/generate.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { init } from '../../src/cli/commands/init.js';
import { testTopology } from '../../src/cli/commands/test.js';
import { type Preset, presets } from '../../src/cli/presets.js';
import { operators } from '../../src/operators/index.js';
import { checkTopologyFile } from '../../src/streams/topology/read-topology.js';
import { never } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';
import { temporaryFolder } from '../streams/delivery/pipeline-fixtures.js';
import { printed } from './printed.js';
import { written } from './small-corpus.js';

const folder = temporaryFolder();
afterAll(() => folder.remove());

/** As `vimi init` writes it. */
async function project(preset: Preset, name: string = preset) {
  const path = join(folder.path, name);
  const told = await written((out) => init(path, { preset }, out));
  return { path, told, topology: join(path, 'topology.yaml') };
}

const servers = { KAFKA_BROKERS: 'k:9092', S3_ENDPOINT: 'http://s3:9000', S3_ACCESS_KEY: 'a', S3_SECRET_KEY: 'b' };

describe.each(presets)('the preset %s', (preset) => {
  it('is a topology without mistakes, whose tests pass', async () => {
    const { topology, told, path } = await project(preset);
    expect(told).toContain('npm test');
    const { mistakes } = await checkTopologyFile(topology, { env: servers, operators });
    expect(mistakes).toEqual([]);
    const out = printed();
    expect(await testTopology(topology, { log: quietLog }, out)).toBe(true);
    expect(out.text).toContain(', 0 failed');
    const { scripts, devDependencies } = JSON.parse(readFileSync(join(path, 'package.json'), 'utf8'));
    expect(scripts.test).toBe('vimi validate && vimi test');
    expect(devDependencies).toBeUndefined();
  });
});

describe('presets, really run', () => {
  it('corpus takes media in', async () => {
    const { path, topology } = await project('corpus', 'ran-corpus');
    const workspace = await Workspace.open({ topology, log: quietLog });
    try {
      const text = await written((out) => ingest(workspace, [join(path, 'media')], { json: true, signal: never }, out));
      expect(text).toContain('media/fox.png');
      expect(await (await workspace.corpusIsCurrent()).state()).toMatchObject({ documents: 1 });
    } finally {
      await workspace.close();
    }
  });

  it('serving makes a video', async () => {
    const { path, topology } = await project('serving', 'ran-serving');
    mkdirSync(join(path, 'videos'));
    const text = readFileSync(topology, 'utf8');
    writeFileSync(topology, text.replace('model: nano, upsampler: nano-upsampler', 'model: fake'));
    const workspace = await Workspace.open({ topology, log: quietLog });
    try {
      const video = join(path, 'videos/fox.mp4');
      await written((out) =>
        generate(
          workspace,
          'a fox moves left',
          { images: [], clips: [], retrieval: true, out: video, signal: never },
          out,
        ),
      );
      expect(readFileSync(video).subarray(4, 8).toString()).toBe('ftyp');
    } finally {
      await workspace.close();
    }
  });
});
