import { describe, expect, it } from 'vitest';
import { captionInMetadata } from '../../../src/operators/media/metadata-caption.js';

const caption = (text: string, uri = '/media/clip-7.mp4') => captionInMetadata(text, uri, 4000);

describe('a text in a file', () => {
  it.each([
    'A red fox runs through deep snow.',
    'Fox',
    'Ein Fuchs im Schnee – 7 Bilder',
    '雪の中の狐',
    'يركض الثعلب في الثلج',
    'A café at night, 50 % of its lamps lit',
    'Sunset over the Canon Beach of Oregon',
    'Default dog of the house',
    'Apples on a table',
    'Google headquarters at dawn',
  ])('is a caption where it reads like one: %s', (text) => {
    expect(caption(` ${text}\n`)).toBe(text);
  });

  it.each([
    ['nothing', ' \n '],
    ['a word for nothing', 'null'],
    ['one letter', 'x'],
    ['signs and numbers', '2024:01:31 12:00:00 +01:00'],
    ['a camera', 'OLYMPUS DIGITAL CAMERA'],
    ['another camera', 'SAMSUNG CAMERA PICTURES'],
    ['a third one', 'KODAK Digital Still Camera'],
    ['its modes', 'hdr'],
    ['an encoder', 'Lavf58.76.100'],
    ['a program', 'Created with GIMP'],
    ['another program', 'Processed with VSCO with f2 preset'],
    ['the name of a file', 'IMG_20240131_120000.jpg'],
    ['its own name', 'Clip 7'],
    ['an address', 'https://example.com/video?id=7'],
    ['the words of an agency', 'Royalty-free stock photo, all rights reserved'],
    ['HTML', 'A fox <a href="https://evil.example">here</a>'],
    ['a script', '<script>alert(1)</script> A fox'],
    ['escapes', 'A fox &amp; a dog'],
    ['a record', '{"prompt": "a fox", "steps": 20}'],
    ['a list', '[1, 2, 3] foxes'],
    ['a key', `a fox ${'QUJD'.repeat(20)}`],
    ['a control character', 'A fox\u0007 in the snow'],
    ['an escape of a terminal', 'A fox \u001b[31m in red'],
    ['bytes that were no text', 'A f\ufffdx in the snow'],
    ['half of a pair', 'A fox \ud83e'],
    ['turned writing', 'A fox \u202egpj.exe'],
    ['what is too long', 'a fox '.repeat(1000)],
  ])('is none where it is %s', (_, text) => {
    expect(caption(text)).toBeUndefined();
  });

  it('is none where it is the name of its address', () => {
    expect(caption('Red fox', 'https://a.example/red_fox.jpg?w=800')).toBeUndefined();
    expect(caption('red-fox.jpg', 'object:in/red-fox.jpg')).toBeUndefined();
    expect(caption('Red fox', 'https://a.example/7.jpg')).toBe('Red fox');
  });
});
