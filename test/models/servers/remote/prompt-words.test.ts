import { describe, expect, it } from 'vitest';
import type { ModelPrompt } from '../../../../src/models/ports.js';
import { serverPrompt } from '../../../../src/models/servers/remote/prompt-words.js';

const pixels = { width: 1, height: 1, data: new Uint8Array(3) };
const subject = { pixels, role: 'subject' } as const;
const background = { pixels, role: 'background' } as const;
const firstFrame = { pixels, role: 'first-frame' } as const;
const retrieved = { pixels, role: 'reference' } as const;
const words = (...parts: ModelPrompt['parts']) => {
  const { text, references } = serverPrompt({ task: 'subject-driven', instruction: 'Generate.', parts });
  return [text, ...references.map(({ role, entity }) => [role, entity].filter(Boolean).join(': '))];
};

describe('the words for a model server', () => {
  it('are the texts of the user', () => {
    expect(words({ text: 'A fox runs.' }, { text: 'It is  late.' })).toEqual(['A fox runs. It is late.']);
  });

  it('name an image that stands where its noun would', () => {
    expect(words(subject, { text: 'is playing in' }, background, { text: '.' })).toEqual([
      'the subject of image 1 is playing in the background of image 2 .',
      'subject',
      'background',
    ]);
  });

  it('say for which words an image stands, where the request does', () => {
    const [fox, bay] = [
      { ...subject, entity: 'red fox' },
      { ...background, entity: 'bay' },
    ];
    expect(words({ text: 'a' }, fox, { text: 'runs in the' }, bay, { text: 'with' }, subject)).toEqual([
      'a red fox (image 1) runs in the bay (image 2) with the subject of image 3',
      ...['subject: red fox', 'background: bay', 'subject'],
    ]);
  });

  it('leave images out that stand beside the text', () => {
    expect(words(subject, background, { text: 'A fox in the snow' })).toEqual([
      'A fox in the snow',
      'subject',
      'background',
    ]);
    expect(words(subject, { text: 'a fox in the snow' })).toEqual(['a fox in the snow', 'subject']);
    expect(words({ text: 'A fox runs.' }, subject)).toEqual(['A fox runs.', 'subject']);
  });

  it('never name a first frame', () => {
    expect(words({ text: 'The camera turns' }, firstFrame)).toEqual(['The camera turns', 'first_frame']);
  });

  it('give a retrieved image its caption, which is no part of the text', () => {
    expect(
      words({ text: 'a red fox' }, retrieved, { text: 'a barn' }, retrieved, { text: 'A fox runs to' }, subject),
    ).toEqual(['A fox runs to the subject of image 3', ...['subject: a red fox', 'subject: a barn', 'subject']]);
  });

  it('are none where there are only images', () => {
    expect(words(subject)).toEqual(['', 'subject']);
  });
});
