/*
 * Documents and prompts for bench/search.mjs, the same for the same seed. Captions are sentences of made-up nouns,
 * adjectives and verbs between English function words. In each class the nth word is drawn as often as 1 / (n + 2.7)
 * (Zipf-Mandelbrot), so that a few words are in every tenth caption and most words in one of thousands. A vector is the sum of
 * its words' vectors, the rare ones longer, as those of embedders are: captions that share words are near each other.
 */

/** Numbers from 0 to 1 (mulberry32). */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const onsets = ['b', 'br', 'd', 'dr', 'f', 'g', 'gl', 'h', 'k', 'l', 'm', 'n', 'p', 'pl', 'r', 't', 'tr', 'v', 'z'];
const rhymes = ['a', 'am', 'an', 'ar', 'e', 'el', 'em', 'i', 'ik', 'im', 'o', 'ok', 'ol', 'om', 'u', 'uk', 'um', 'ur'];

/** The nth word of a class: no two are alike. */
function wordOf(n, ending) {
  const syllables = [];
  for (let rest = n; syllables.length < 2 || rest > 0; rest = Math.floor(rest / (onsets.length * rhymes.length)))
    syllables.push(onsets[rest % onsets.length] + rhymes[Math.floor(rest / onsets.length) % rhymes.length]);
  return syllables.join('') + ending;
}

/** Draws from `count` words of a class. */
function zipf(count, ending) {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let n = 0; n < count; n++) sums[n] = sum += 1 / (n + 2.7);
  return (random) => {
    const wanted = random() * sum;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sums[middle] < wanted) low = middle + 1;
      else high = middle;
    }
    return { word: wordOf(low, ending), weight: Math.log(sum * (low + 2.7)) };
  };
}

const noun = zipf(20_000, 'd');
const adjective = zipf(4000, 'g');
const verb = zipf(3000, 'b');
const prepositions = ['in', 'on', 'over', 'under', 'behind', 'with', 'near'];

/** A caption, and its content words with their weights. */
export function caption(random) {
  const content = [];
  const drawn = (draw) => {
    content.push(draw(random));
    return content.at(-1).word;
  };
  const thing = () => `${random() < 0.5 ? 'a' : 'the'} ${random() < 0.5 ? `${drawn(adjective)} ` : ''}${drawn(noun)}`;
  const parts = [thing()];
  if (random() < 0.8) parts.push(`${drawn(verb)}s`);
  while (content.length < 12 && random() < 0.6)
    parts.push(`${prepositions[Math.floor(random() * prepositions.length)]} ${thing()}`);
  return { text: parts.join(' '), content };
}

/** Directions in which the vectors differ: those of real encoders have some tens, however many numbers they are. */
const directions = 32;

/** Vectors of texts, through one that is kept of each word. */
export function vectors(dimensions, seed) {
  const known = new Map();
  // A sum of three is near enough to a normal distribution.
  const normal = (random) => random() + random() + random() - 1.5;
  const draw = randomFrom(seed);
  const axes = Array.from({ length: directions }, () => Float32Array.from({ length: dimensions }, () => normal(draw)));
  const ofWord = (word) => {
    let vector = known.get(word);
    if (vector) return vector;
    const random = randomFrom(
      [...word].reduce((hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 16_777_619), seed),
    );
    vector = new Float32Array(dimensions);
    for (const axis of axes) {
      const along = normal(random);
      for (let i = 0; i < dimensions; i++) vector[i] += along * axis[i];
    }
    known.set(word, vector);
    return vector;
  };
  return (content) => {
    const sum = new Float32Array(dimensions);
    for (const { word, weight } of content) {
      const vector = ofWord(word);
      for (let i = 0; i < dimensions; i++) sum[i] += weight * vector[i];
    }
    const length = Math.hypot(...sum);
    return sum.map((value) => value / length);
  };
}
