import { canonicalJson } from '../../events/canonical-json.js';
import type { MediaAdded } from '../../events/schemas.js';
import type { MediaFile } from '../../flow/flow.js';
import { promptText } from '../../language/prompt-text.js';

/** What programs write where a table has no text. */
const isNothing = /^(nan|null|none|undefined|n\/a)$/i;

/** Whether a text is no caption: nothing, or a word for nothing. */
export function isNoCaption(text: string | undefined): boolean {
  return !text || isNothing.test(text);
}

/** The caption of the event, else of the text beside it, as it stands in a prompt; undefined where neither says anything. */
export function captionOf({ caption: own }: MediaAdded, { sidecar }: MediaFile): string | undefined {
  return [own, sidecar].map((given) => given && promptText(given)).find(Boolean) || undefined;
}

/** All that was said of a medium, by which it is known again: its caption, else its labels as JSON, else nothing. */
export function saidOf(media: MediaAdded, file: MediaFile): string {
  return captionOf(media, file) ?? (media.labels ? canonicalJson(media.labels) : '');
}
