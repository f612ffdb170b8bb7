import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '../../src');
const starting = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }))
  .flatMap(({ file, text }) => {
    const code = text.replace(/import type [^;]*;/g, '');
    const named = [...code.matchAll(/import \{([^}]*)\} from '(?:node:)?child_process'/g)];
    const names = named.flatMap(([, list]) => list!.split(',')).map((name) => name.trim());
    const called = names.filter((name) => name !== '' && !name.startsWith('type '));
    // Any other way to it is found as well, with no names: a test below would not know what it calls.
    const others = named.reduce((rest, [all]) => rest.replace(all, ''), code);
    return called.length > 0 || others.includes('child_process') ? [{ file, text, called }] : [];
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
