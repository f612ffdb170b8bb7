import { describe, expect, it } from 'vitest';
import { promptText } from '../../src/language/prompt-text.js';
import { words } from '../../src/language/words.js';

describe('a text of a prompt', () => {
  it.each([
    ['a\u200b red\u2060 f\u00adox\ufeff', 'a red fox'],
    ['\ufeffan owl', 'an owl'],
    [' two\n\n foxes\t\u3000run ', 'two foxes run'],
    ['\u200b \u2060\ufeff', ''],
  ])('has no marks that nobody sees: %j', (text, plain) => {
    expect(promptText(text)).toBe(plain);
  });

  it.each([
    ['the joiner of an emoji', '👩\u200d🚀 waves'],
    ['the joiners of Persian and Hindi', 'می\u200cخواهم क्\u200dष'],
    ['what parts the words of Khmer and Thai', 'ខ្ញុំ\u200bស្រលាញ់ แมว\u200bวิ่ง'],
  ])('keeps %s', (_, text) => {
    expect(promptText(text)).toBe(text);
  });

  it('has the words that people read in it', () => {
    expect(words(promptText('a\u200b r\u00aded fo\u2060x'))).toEqual(words('a red fox'));
  });
});
