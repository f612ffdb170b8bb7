// @ts-nocheck: a plain script
/** Pieces of text that readers of text stumble over. */
const tokens = [
  ...[
    '{',
    '}',
    '[',
    ']',
    ':',
    ',',
    '"',
    "'",
    '\\',
    '\n',
    '\r',
    '\t',
    '\0',
    ' ',
    '#',
    '&a',
    '*a',
    '<<: *a',
    '!!js',
    '---',
    '...',
    '|',
    '>',
  ],
  ...[
    'null',
    'true',
    '-1',
    '1e999',
    '0.1',
    '9007199254740993',
    '-0',
    'NaN',
    '""',
    '{}',
    '[]',
    '$' + '{X}',
    '$' + '{X:-',
    '$' + '{file:x}',
    '{job}',
    '../',
  ],
  ...[
    '__proto__',
    'constructor',
    'prototype',
    'toString',
    '\u0000',
    '\ud800',
    '\uFEFF',
    '\u2028',
    '\u001b[2J',
    '<script>',
    '%s',
    '{{',
  ],
];
const at = (text, random) => Math.floor(random() * (text.length + 1));

const changes = [
  (text, _, random) => {
    const place = at(text, random);
    return text.slice(0, place) + tokens[Math.floor(random() * tokens.length)] + text.slice(place);
  },
  (text, _, random) => {
    const place = at(text, random);
    return text.slice(0, place) + text.slice(place + Math.floor(random() * 40));
  },
  /** A line twice, gone, or elsewhere. */
  (text, _, random) => {
    const lines = text.split('\n');
    const [line] = lines.splice(Math.floor(random() * lines.length), random() < 0.5 ? 1 : 0);
    lines.splice(Math.floor(random() * (lines.length + 1)), 0, line ?? lines[0] ?? '');
    return lines.join('\n');
  },
  /** A piece of another. */
  (text, other, random) => {
    const [place, from] = [at(text, random), at(other, random)];
    return text.slice(0, place) + other.slice(from, from + Math.floor(random() * 120)) + text.slice(place);
  },
  /** A value by a token. */
  (text, _, random) => {
    const values = [...text.matchAll(/[\w.-]+/g)];
    const value = values[Math.floor(random() * values.length)];
    if (!value) return text;
    const token = tokens[Math.floor(random() * tokens.length)];
    return text.slice(0, value.index) + token + text.slice(value.index + value[0].length);
  },
  /** Deeper, or longer. */
  (text, _, random) => {
    const [place, times] = [at(text, random), 2 ** Math.floor(random() * 11)];
    const piece = random() < 0.5 ? tokens[Math.floor(random() * tokens.length)] : text.slice(place, place + 8);
    return text.slice(0, place) + piece.repeat(times) + text.slice(place);
  },
];

/** One to four changes, mostly one, of a text, in its own words; the same for the same numbers. */
export function mutateText(bytes, other, random) {
  let text = bytes.toString();
  for (let n = 0; n <= random() ** 2 * 4; n++)
    text = changes[Math.floor(random() * changes.length)](text, other.toString(), random);
  return Buffer.from(text);
}
