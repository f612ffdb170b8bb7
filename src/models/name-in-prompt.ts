import type { ImageRole } from '../events/prompt.js';
import { functionWordsOf } from '../language/language-of.js';
import { composed, type Token, tokens, words } from '../language/words.js';
import type { ModelPrompt, RgbImage } from './ports.js';

type Part = ModelPrompt['parts'][number];

/** What was retrieved, which comes first: captions, each before its image; and what the prompt says itself. */
export function splitRetrieved(parts: readonly Part[]): { retrieved: Part[]; own: Part[] } {
  const end = parts.findLastIndex((part) => 'pixels' in part && part.role === 'reference') + 1;
  return { retrieved: parts.slice(0, end), own: parts.slice(end) };
}

/** A prompt whose retrieved images stand for their names. */
export interface ImagesForNames {
  /** What the prompt says after all that was retrieved, images in the place of the names that their captions share with it. */
  own: Part[];
  /** Retrieved images that it does not name, each after its caption. */
  unnamed: Part[];
  /** Of the images that it names, in the order of retrieval. */
  roles: ImageRole[];
}

/** Puts each retrieved image in the place of its name; `roleOf` an image and what is said before it. */
export function imagesForNames(
  parts: readonly Part[],
  roleOf: (pixels: RgbImage, before: string) => ImageRole,
): ImagesForNames {
  const { retrieved, own: said } = splitRetrieved(parts);
  let own = said;
  const unnamed: Part[] = [];
  const roles: ImageRole[] = [];
  for (const [i, part] of retrieved.entries()) {
    if ('text' in part) continue;
    const before = retrieved[i - 1];
    const captions = before && 'text' in before ? [before] : [];
    const place = captions[0] && placeOfName(own, captions[0].text);
    if (!place) {
      unnamed.push(...captions, part);
      continue;
    }
    const role = roleOf(part.pixels, place.before);
    own = withImageAt(own, place, { pixels: part.pixels, role });
    roles.push(role);
  }
  return { own, unnamed, roles };
}

/** Where a prompt's text has a name: the part, and what it says before and behind. */
interface NamePlace {
  part: number;
  before: string;
  behind: string;
}

/** The first run of words of a prompt's texts that a caption has too, from one to another that is no function word; null: it has none. */
function placeOfName(parts: readonly Part[], caption: string): NamePlace | null {
  for (const [part, said] of parts.entries()) {
    const around = 'text' in said && aroundName(said.text, caption);
    if (around) return { part, before: around[0], behind: around[1] };
  }
  return null;
}

function withImageAt(parts: readonly Part[], { part, before, behind }: NamePlace, image: Part): Part[] {
  const said = (text: string): Part[] => (text === '' ? [] : [{ text }]);
  return [...parts.slice(0, part), ...said(before), image, ...said(behind), ...parts.slice(part + 1)];
}

function aroundName(text: string, caption: string): [string, string] | null {
  const shared = new Set(words(caption));
  const written = composed(text);
  const all = tokens(written);
  const functionWords = functionWordsOf(all.map(({ word }) => word));
  const isOfName = ({ word }: Token) => shared.has(word) && !functionWords.has(word);
  const first = all.findIndex(isOfName);
  if (first < 0) return null;
  const behind = all.findIndex(({ word }, i) => i > first && !shared.has(word));
  const last = all.slice(0, behind < 0 ? undefined : behind).findLast(isOfName)!;
  return [written.slice(0, all[first]!.at).trim(), written.slice(last.at + last.text.length).trim()];
}
