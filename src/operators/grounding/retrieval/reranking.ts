import type { ContextEntry } from '../../../events/prompt.js';
import type { Reranker } from '../../../models/ports.js';

/**
 * The entries as a net that reads prompt and caption together orders them. What the prompt names stays in front; of
 * captions that the net finds equal the first comes first.
 */
export async function reranked(
  text: string,
  entries: readonly ContextEntry[],
  reranker: Reranker,
): Promise<ContextEntry[]> {
  const named = entries.filter(({ ranks }) => ranks.named);
  const others = entries.filter(({ ranks }) => !ranks.named);
  const scores = await reranker.scores(
    text,
    others.map(({ caption }) => caption),
  );
  const places = others.map((_, n) => n).sort((a, b) => scores[b]! - scores[a]! || a - b);
  return [
    ...named,
    ...places.map((n, place) => ({ ...others[n]!, ranks: { ...others[n]!.ranks, reranked: place + 1 } })),
  ];
}
