import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Work } from '../../src/flow/work.js';

it('lets the clips of a film listen, however many: Node warns of none', async () => {
  const names: string[] = [];
  const hear = ({ name }: Error) => names.push(name);
  process.on('warning', hear);
  const { signal } = new Work();
  for (let clip = 0; clip < 50; clip++) signal.addEventListener('abort', () => {});
  await setImmediate();
  process.off('warning', hear);
  expect(names).toEqual([]);
});
