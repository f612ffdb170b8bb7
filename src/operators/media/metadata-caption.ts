import { basename, extname } from 'node:path';
import { within } from '../../events/input.js';
import { boilerplate } from '../../language/boilerplate.js';
import { promptText } from '../../language/prompt-text.js';
import { isNoCaption } from './said.js';

/*
 * Most of what lies in files was written by programs and cameras. A text of a file is a caption only if it reads like one: so much
 * is refused here that one may be lost, rather than have a corpus full of "OLYMPUS DIGITAL CAMERA".
 */

/** The whole text, as cameras, phones and programs write it by themselves. */
const written = [
  /^(?:(?:olympus|minolta|kodak|konica|pentax|sony|nikon|canon|fuji(?:film)?|samsung|casio|ricoh|leica|panasonic|polaroid|hp|vivitar)\b.{0,40}\b(?:camera|pictures?|dsc|photo)|sony dsc|samsung|dig[i1]tal (?:still )?camera|dcim|dav|dji\b.{0,30}|default|hdr(?:plus)?|rhdr|oznor\w*|cof|edf|ptr|sdr|btf|bst|mde|exif_jpeg_picture|jpeg|image|picture|photo|video|movie|clip|screenshot|untitled|unknown|test|title|description|comment|none)$/iu,
  /^(?:created|edited|made|encoded|processed|generated|exported|produced|recorded|captured|shot|compressed|optimi[sz]ed|converted) (?:with|by|in|using|on|for)\b/iu,
  /^(?:lavf|lavc|libx26[45]|x26[45]|handbrake|ffmpeg|gstreamer|gimp|imagemagick|isomedia|intel ipp|ac-?id|lead technologies)(?!\p{L})/iu,
  /^(?:google|apple|vimeo|youtube|adobe (?:photoshop|premiere|illustrator|imageready)\b.{0,30})$/iu,
  /^[\p{P}\p{S}\p{N}\s]*$/u,
];
/** From this share on it says nothing of what is shown. */
const mostBoilerplate = 0.5;
const mostWord = 50;

/** The text as a caption; undefined: it is none. `uri`: of the medium, whose own name is no caption. */
export function captionInMetadata(text: string, uri: string, mostCharacters: number): string | undefined {
  // Rather than to guess what was meant: other encodings, escapes, and bytes that were no text.
  if (/\p{Surrogate}|\ufffd|(?![\t\n\v\f\r\u0085])\p{Control}|[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u.test(text))
    return undefined;
  // Markup, and records of programs.
  if (/<\/?[a-z!?]|&(?:[a-z]{2,8}|#\w{1,8});|^\s*[[{]/iu.test(text)) return undefined;
  const caption = promptText(text);
  if (isNoCaption(caption) || !within(caption, 2, mostCharacters)) return undefined;
  if (written.some((pattern) => pattern.test(caption)) || boilerplate(caption) >= mostBoilerplate) return undefined;
  // Keys, hashes and what is encoded; Chinese and Japanese have no spaces, and say much with few signs.
  if (caption.split(' ').some((word) => /^[\x21-\x7e]+$/.test(word) && word.length > mostWord)) return undefined;
  return isItsName(caption, uri) ? undefined : caption;
}

function isItsName(caption: string, uri: string): boolean {
  const file = basename(uri.replace(/[?#].*$/u, ''));
  const plain = (name: string) =>
    name
      .toLowerCase()
      .replaceAll(/[\s._-]+/gu, ' ')
      .trim();
  return [file, basename(file, extname(file))].some((name) => plain(name) === plain(caption));
}
