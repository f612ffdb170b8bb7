import { measures } from '../../language/english-words.js';
import type { Phrase } from '../../language/phrase.js';
import { phrasesOf } from '../../language/phrases.js';
import type { LeftOut } from '../../stores/keep-lists/keep-list.js';
import type { Grouping } from './groupings.js';
import { bestFirst, type PassDocument } from './snapshot.js';

/**
 * Balance: at most so many documents of a group, the best ones. `subject`: what the caption is about; `noun`: whatever it
 * names, so that a document has several groups, and stays if there is room in all of them. Clips and stills count apart.
 * A document without a group stays.
 */
export function balanceCorpus(
  documents: readonly PassDocument[],
  { by, most, best }: { by: Grouping; most: number; best: string },
): LeftOut[] {
  const counts = new Map<string, number>();
  const leftOut: LeftOut[] = [];
  for (const document of bestFirst(documents, best)) {
    const { id, image, clip } = document;
    const kind = clip === undefined ? 'still' : 'clip';
    const groups = groupsOf(document, by);
    const full = groups.find((group) => (counts.get(`${kind} ${group}`) ?? 0) >= most);
    if (full === undefined)
      for (const group of groups) counts.set(`${kind} ${group}`, (counts.get(`${kind} ${group}`) ?? 0) + 1);
    else leftOut.push({ document: id, image, ...(clip !== undefined && { clip }), reason: 'over', group: full });
  }
  return leftOut;
}

function groupsOf({ source, licence, caption }: PassDocument, by: Grouping): string[] {
  if (by === 'source') return [source];
  if (by === 'licence') return [licence];
  const { language, tokens, phrases, subjects } = phrasesOf(caption);
  // "A pair of scissors" shows scissors, and no pair.
  const isMeasure = ({ head, to }: Phrase) =>
    language === 'en' && tokens[to]?.word === 'of' && measures.has(head.at(-1)!);
  // Of the spellings of a head the last is the singular.
  const nouns = (by === 'subject' ? subjects : phrases.filter((one) => !isMeasure(one))).map(
    ({ head }) => head.at(-1)!,
  );
  return [...new Set(nouns)];
}
