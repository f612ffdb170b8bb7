// @ts-nocheck: a plain script
/** Values that readers of JSON stumble over. */
const odd = [
  ...[
    null,
    true,
    0,
    -1,
    0.5,
    1e308,
    2 ** 53,
    '',
    ' ',
    'x',
    'a'.repeat(5000),
    '../x',
    '\u0000',
    '\ud800',
    '\u001b[2J',
    '<script>',
  ],
  ...[
    '2026-02-31T25:00:00Z',
    '1e9',
    [],
    {},
    [[]],
    [null],
    { a: 1 },
    { toString: 1 },
    { constructor: { prototype: { polluted: 1 } } },
  ],
];

const anyOdd = (random) => structuredClone(odd[Math.floor(random() * odd.length)]);

/** The same value with one to four changes, mostly one, somewhere within it: other values, keys, copies, depth. */
export function mutateJson(value, random) {
  let made = structuredClone(value);
  for (let n = 0; n <= random() ** 2 * 4; n++) made = changed(made, random, 0);
  return made;
}

function changed(value, random, depth) {
  const isContainer = typeof value === 'object' && value !== null;
  const keys = isContainer ? Object.keys(value) : [];
  if (keys.length > 0 && depth < 20 && random() < 0.7) {
    const key = keys[Math.floor(random() * keys.length)];
    value[key] = changed(value[key], random, depth + 1);
    return value;
  }
  if (typeof value === 'number' && random() < 0.7)
    return value + [1, -1, value, 8, 0.5, 2 ** 31][Math.floor(random() * 6)];
  const kind = Math.floor(random() * 5);
  if (!isContainer || kind === 0) return anyOdd(random);
  if (kind === 1 && keys.length > 0) {
    const key = keys[Math.floor(random() * keys.length)];
    if (Array.isArray(value)) value.splice(Number(key), 1);
    else delete value[key];
    return value;
  }
  if (kind === 2)
    return Array.isArray(value)
      ? [...value, ...value]
      : { ...value, [`x${Math.floor(random() * 100)}`]: anyOdd(random) };
  if (kind === 3) return [value];
  // As JSON.parse makes it: a key of its own.
  return Array.isArray(value)
    ? value
    : JSON.parse(`{"__proto__": {"polluted": 1}, ${JSON.stringify(value).slice(1)}`.replace(', }', '}'));
}
