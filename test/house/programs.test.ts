import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../src');
const starting = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
  .flatMap(({ file, text }) => {
    const names = /import \{([^}]*)\} from '(?:node:)?child_process'/.exec(text)?.[1]?.split(',') ?? [];
    const called = names.map((name) => name.trim()).filter((name) => name !== '' && !name.startsWith('type '));
    return called.length > 0 || /require\(.*child_process/.test(text) ? [{ file, text, called }] : [];
  });

it('few files start other programs: ffmpeg, Node to read an operator, and processes of vimi itself', () => {
  expect(Object.fromEntries(starting.map(({ file, called }) => [file, called]))).toEqual({
    'media/tool-process.ts': ['spawn'],
    'media/tools.ts': ['execFileSync'],
    'models/servers/own-process.ts': ['fork'],
    'streams/topology/custom-operator.ts': ['spawnSync'],
  });
});

it('none of them through a shell, where text could become a command', () => {
  for (const { file, text } of starting) expect(text, file).not.toMatch(/shell:/);
});
