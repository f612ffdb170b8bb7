import { send } from './api.js';
import { documentItem } from './documents.js';
import { made, part, write } from './part.js';
import { addDocument, askedReferences } from './references.js';

/**
 * Shows what a request would be grounded in, before anything is drawn.
 * @param {{ prompt: string, retrieval?: false }} request
 */
export async function showExamples(request) {
  const told = part('examples-state', HTMLElement);
  const list = part('examples-list', HTMLOListElement);
  part('examples', HTMLElement).hidden = false;
  write(told, 'Looking');
  const { context, corpus } = await send('/v1/context', request);
  const who = askedReferences().asked.length > 0 ? 'For the words alone, the model' : 'The model';
  const size = `The corpus has ${corpus.documents} ${corpus.documents === 1 ? 'document' : 'documents'}.`;
  write(told, context.length > 0 ? `${who} would see these examples. ${size}` : `${who} would see no example. ${size}`);
  list.replaceChildren(
    ...context.map((/** @type {{ document: string, caption: string, score: number }} */ found) => {
      const use = made('button', { type: 'button', ariaLabel: `Use this image: ${found.caption}` }, 'Use this image');
      use.addEventListener('click', () => addDocument(found));
      return documentItem(found, { actions: [made('div', { className: 'actions' }, use)] });
    }),
  );
}

export function hideExamples() {
  part('examples', HTMLElement).hidden = true;
}
