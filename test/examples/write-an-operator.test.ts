import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { flowShapes } from '../../src/flow/flow-shapes.js';
import { loadCustomOperator } from '../../src/streams/topology/custom-operator.js';
import { textQuery } from '../../src/testing/text-query.js';
import { describeOperator } from '../operators/operator-contract.js';
import { temporaryFolder } from '../streams/delivery/pipeline-fixtures.js';

const root = join(import.meta.dirname, '../..');
const guide = readFileSync(join(root, 'docs/guides/write-an-operator.md'), 'utf8');
const folder = temporaryFolder();
afterAll(() => folder.remove());
mkdirSync(join(folder.path, 'node_modules'));
symlinkSync(root, join(folder.path, 'node_modules/vimi'));
const shown = /```js\n\/\/ operators\/refuse-words\.js\n(.*?)```/s.exec(guide)?.[1] ?? expect.fail('no operator');
writeFileSync(join(folder.path, 'refuse-words.js'), shown);

describeOperator(await loadCustomOperator('./refuse-words.js', folder.path), {
  config: { words: ['Dragon'] },
  good: () => ({ query: textQuery('a fox moves left') }),
  bad: () => ({ flow: { query: textQuery('a dragon moves left') }, code: 'WORD_REFUSED' }),
});

it('the test that the guide shows is the one that `vimi init` writes', () => {
  const written = readFileSync(join(root, 'examples/project/javascript/operators/refuse-words.test.js'), 'utf8');
  expect(guide).toContain(`\`\`\`js\n${written}\`\`\``);
});

it('the guide lists every field that an operator adds', () => {
  const table = guide.slice(guide.indexOf('### The fields of the flow'), guide.indexOf('### Your own fields'));
  const listed = [...table.matchAll(/^\| ((?:`\w+`(?:, )?)+) \|/gm)].flatMap(([, names]) =>
    [...names!.matchAll(/\w+/g)].map(([name]) => name),
  );
  // `replaces` is between recognise and index.
  expect([...new Set(listed), 'replaces'].sort()).toEqual(Object.keys(flowShapes).sort());
});
