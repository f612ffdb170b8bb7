import type { ModelPrompt, RgbImage } from '../../ports.js';

/*
 * Open video models read a text, and images beside it; VIMI's prompts interleave both. So:
 *
 *   a retrieved image     a subject, with its caption as the words that it stands for; the caption is no part of the text
 *   an image of the user  stands beside the text with its role. Within a sentence, where its noun would be, the text says
 *                         "the subject of image 2" in its place; or, where the request says for which words it stands, "fox (image 2)"
 *   a motion example      a clip, with its caption
 */

export type ReferenceRole = 'subject' | 'background' | 'first_frame' | 'motion';

export interface ServerReference {
  role: ReferenceRole;
  /** The words that it stands for. */
  entity?: string;
  content: { image: RgbImage } | { clip: Uint8Array };
}

export interface ServerPrompt {
  text: string;
  /** Images in the order in which the text counts them, from 1; then clips. */
  references: ServerReference[];
}

export function serverPrompt({ parts, clips = [] }: ModelPrompt): ServerPrompt {
  const references: ServerReference[] = [];
  const texts: string[] = [];
  for (const [n, part] of parts.entries()) {
    const next = parts[n + 1];
    if ('text' in part) {
      // The caption of the retrieved image behind it.
      if (!(next && 'pixels' in next && next.role === 'reference')) texts.push(part.text);
      continue;
    }
    const content = { image: part.pixels };
    if (part.role === 'reference') {
      const before = parts[n - 1];
      const entity = before && 'text' in before ? before.text : undefined;
      references.push({ role: 'subject', ...(entity !== undefined && { entity }), content });
      continue;
    }
    const role = part.role === 'first-frame' ? 'first_frame' : part.role;
    const { entity } = part;
    references.push({ role, ...(entity !== undefined && { entity }), content });
    if (entity !== undefined) texts.push(`${entity} (image ${references.length})`);
    else if (role !== 'first_frame' && isInSentence(texts.at(-1), next)) texts.push(nounOf(role, references.length));
  }
  for (const { mp4, caption } of clips)
    references.push({ role: 'motion', ...(caption !== '' && { entity: caption }), content: { clip: mp4 } });
  return { text: texts.join(' ').replace(/\s+/g, ' ').trim(), references };
}

const nounOf = (role: ReferenceRole, number: number) => `the ${role} of image ${number}`;

/** Whether words before it lead to it, or words behind it go on from it: a sentence of its own begins with a capital. */
function isInSentence(before: string | undefined, next: ModelPrompt['parts'][number] | undefined): boolean {
  if (before !== undefined && !/[.!?:;]\s*$/.test(before)) return true;
  return next !== undefined && 'text' in next && continues.test(next.text);
}

/** A text that cannot begin a prompt: the verb of a subject that stands before it. */
const continues =
  /^\s*(?:,|(?:is|are|was|were|has|have|and|with|who|which|that|moves?|runs?|walks?|plays?|jumps?|flies|turns?|stands?|sits?|in|on|at)\b)/;
