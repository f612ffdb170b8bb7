import { describe, expect, it } from 'vitest';
import { examine } from '../../src/cli/commands/doctor.js';
import type { Workspace } from '../../src/cli/workspace.js';
import { type ErrorCode, VimiError } from '../../src/errors.js';

const profile = {
  name: 'cluster',
  transport: { type: 'kafka', brokers: ['broker:9092'] },
  objects: { type: 's3', endpoint: 'https://store', bucket: 'vimi' },
};

/** A workspace whose transport says no word before everything else was asked, and whose servers then fail. */
function failing(codes: { transport: ErrorCode; objects: ErrorCode }): Workspace {
  const asked = { objects: () => {}, model: () => {} };
  const others = Promise.all(
    (['objects', 'model'] as const).map(
      (part) =>
        new Promise<void>((resolve) => {
          asked[part] = resolve;
        }),
    ),
  );
  const workspace = {
    topology: { file: 'topology.yaml', profile, pipelines: [{ name: 'generate' }], mediaRoots: [], topics: new Map() },
    async transport() {
      await others;
      throw new VimiError(codes.transport, 'No answer');
    },
    async objects() {
      asked.objects();
      throw new VimiError(codes.objects, 'No answer');
    },
    async modelsOf() {
      asked.model();
      return { all: () => [] };
    },
  };
  return workspace as unknown as Workspace;
}

const texts = async (workspace: Workspace) =>
  Object.fromEntries((await examine(async () => workspace)).map(({ part, text }) => [part, text]));

describe('doctor', () => {
  it('asks all parts at once, and says who did not answer', async () => {
    const found = await texts(failing({ transport: 'TRANSPORT_UNAVAILABLE', objects: 'STORAGE_UNAVAILABLE' }));
    expect(found.transport).toMatch(/^TRANSPORT_UNAVAILABLE: No answer at broker:9092 →/);
    expect(found.objects).toMatch(/^STORAGE_UNAVAILABLE: No answer at https:\/\/store →/);
    expect(found.corpus).toBe('cannot be read without the transport');
  });

  it('names no address that was not asked', async () => {
    const found = await texts(failing({ transport: 'TRANSPORT_DENIED', objects: 'USAGE' }));
    expect(found.transport).toMatch(/^TRANSPORT_DENIED: No answer →/);
    expect(found.objects).toMatch(/^USAGE: No answer →/);
  });
});
