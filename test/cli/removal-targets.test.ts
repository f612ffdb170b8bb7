import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { removalTargets, targetNames } from '../../src/cli/commands/removal-targets.js';

const uris = (...uri: string[]) => removalTargets([], { uri }).map(({ value }) => value);

describe('the targets of a removal', () => {
  const all = [
    'media/fox.png',
    './media/fox.png',
    pathToFileURL('media/fox.png').href,
    resolve('media/fox.png'),
  ].sort();

  it.each([
    ['the whole path', resolve('media/fox.png')],
    ['the path from here on', 'media/fox.png'],
    ['a file: URL', pathToFileURL('media/fox.png').href],
  ])('hold all spellings by which an event may name a medium: given %s', (_, uri) => {
    expect(uris(uri).sort()).toEqual(all);
    expect(targetNames(removalTargets([], { uri: [uri] }))).toEqual([`uri ${resolve('media/fox.png')}`]);
  });

  it('keep an odd spelling beside the usual ones, and take addresses as they are', () => {
    expect(uris('media/../media//fox.png')).toContain('media/../media//fox.png');
    expect(uris('media/../media//fox.png')).toContain('media/fox.png');
    expect(uris('/elsewhere/fox.png')).toEqual(['file:///elsewhere/fox.png', '/elsewhere/fox.png']);
    for (const uri of [
      'https://a.example/x.png',
      'object:in/x.png',
      'tar:set.tar#512/x.png',
      'file://host/x',
      'file://%zz',
    ])
      expect(uris(uri)).toEqual([uri]);
  });
});
