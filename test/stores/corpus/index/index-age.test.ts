import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { currentAt, noteCurrent } from '../../../../src/stores/corpus/index/index-age.js';
import { testFolder } from '../../../media/make-media.js';

it('is noted beside the index, and keeps nobody from searching where it cannot be', async () => {
  const folder = await testFolder();
  expect(currentAt(folder)).toBeNull();
  noteCurrent(folder, 1000);
  noteCurrent(folder, 2000);
  expect([currentAt(folder), readdirSync(folder)]).toEqual([2000, ['current']]);

  const full = await testFolder();
  mkdirSync(join(full, 'current'));
  noteCurrent(full, 1000);
  expect([currentAt(full), readdirSync(full)]).toEqual([null, ['current']]);
  noteCurrent(join(full, 'gone'), 1000);
  expect(currentAt(join(full, 'gone'))).toBeNull();
});
