import { z } from 'zod';
import { type ErrorCode, VimiError } from '../../core/errors.js';
import type { MadeCaption } from '../../events/caption.js';
import { characters, leftOut } from '../../events/input.js';
import { mistakesOf, mistakeText } from '../../events/mistakes.js';
import { promptText } from '../../language/prompt-text.js';
import { frameAsWebp } from '../../media/images.js';
import { checkText } from '../../media/text-of.js';
import type { Captioner, Shown } from '../ports.js';

/*
 * A model server that says what an image shows (docs/guides/captioners.md):
 *
 *   POST url    { "images": [{ "media_type": "image/webp", "base64": "..." }], "texts": [{ "text", "by" }], "max_characters": 4000 }
 *   200         { "caption": "a red fox in the snow", "language": "en", "score": 0.9, "model": "name-1" }, all but `caption` optional;
 *               "" or null: it has nothing to say
 *
 * Redirects are not followed. When a call fails, a plain grey image decides whose fault it is: if that fails as well, the
 * server is away, whatever it answers, and the medium waits for it; else it is this medium's.
 */

export interface CaptionServer {
  url: string;
  /** By which its captions are known. */
  name: string;
  /** Sent as a bearer token. */
  key?: string | undefined;
  /** For one image. */
  seconds: number;
}

const answer = z.looseObject({
  caption: z.union([z.null(), characters(0, 100_000)]),
  language: leftOut(characters(1, 35)),
  score: leftOut(z.number().min(0).max(1)),
  model: leftOut(characters(1, 120)),
});
const mostBytes = 2 ** 20;

/** Calls fail with CAPTIONER_UNAVAILABLE, CAPTIONER_DENIED, CAPTIONER_REFUSED, CAPTIONER_FAILED or CAPTIONER_ANSWER_INVALID. */
export function openServerCaptioner(server: CaptionServer): Captioner {
  return {
    async caption(shown, signal) {
      try {
        return await ask(server, shown, signal);
      } catch (thrown) {
        if (signal.aborted || !(thrown instanceof VimiError) || thrown.code === 'CAPTIONER_DENIED') throw thrown;
        await ask(server, await greyImage(), signal).catch((other: VimiError) => {
          if (signal.aborted || other.code === 'CAPTIONER_DENIED') throw other;
          throw failure('CAPTIONER_UNAVAILABLE', server, other.found ?? other.message, other);
        });
        throw thrown;
      }
    },
    async close() {},
  };
}

async function ask(server: CaptionServer, shown: Shown, signal: AbortSignal): Promise<MadeCaption | undefined> {
  const { url, name, key, seconds } = server;
  const { image, known, mostCharacters } = shown;
  const body = JSON.stringify({
    images: [{ media_type: image.mediaType, base64: Buffer.from(await image.bytes()).toString('base64') }],
    texts: known.map(({ text, by }) => ({ text, by })),
    max_characters: mostCharacters,
  });
  const late = AbortSignal.timeout(seconds * 1000);
  let status: number;
  let text: string;
  try {
    const response = await fetch(url, {
      ...{ method: 'POST', body, redirect: 'manual', signal: AbortSignal.any([signal, late]) },
      headers: { 'content-type': 'application/json', ...(key !== undefined && { authorization: `Bearer ${key}` }) },
    });
    status = response.status;
    text = await bounded(response, server);
  } catch (thrown) {
    if (signal.aborted || thrown instanceof VimiError) throw thrown;
    if (late.aborted) throw failure('CAPTIONER_FAILED', server, `no answer within ${seconds} s`, thrown);
    const { message, cause } = thrown as Error & { cause?: { code?: string; message?: string } };
    throw failure('CAPTIONER_FAILED', server, cause?.code ?? cause?.message ?? message, thrown);
  }
  if (status === 401 || status === 403) throw failure('CAPTIONER_DENIED', server, `status ${status}`);
  if (status >= 400 && status < 500 && ![408, 425, 429].includes(status))
    throw failure('CAPTIONER_REFUSED', server, `status ${status}: ${text}`);
  if (status !== 200) throw failure('CAPTIONER_FAILED', server, `status ${status}: ${text}`);
  const { caption, language, score, model } = read(text, server, mostCharacters);
  if (!caption) return undefined;
  return {
    ...{ text: caption, by: model === undefined ? name : `${name}/${model}` },
    ...(language !== undefined && { language }),
    ...(score !== undefined && { score }),
  };
}

function read(text: string, server: CaptionServer, most: number): z.output<typeof answer> {
  let told: unknown;
  try {
    told = JSON.parse(text);
  } catch (cause) {
    throw failure('CAPTIONER_ANSWER_INVALID', server, `no JSON: ${text}`, cause);
  }
  const checked = answer.safeParse(told);
  if (!checked.success) {
    const mistakes = mistakesOf(checked.error, told).map(mistakeText);
    throw failure('CAPTIONER_ANSWER_INVALID', server, mistakes.join('; '));
  }
  const { caption, language = '', model = '' } = checked.data;
  try {
    for (const one of [caption ?? '', language, model]) checkText(one, server.url);
  } catch (thrown) {
    throw failure('CAPTIONER_ANSWER_INVALID', server, (thrown as VimiError).found!, thrown);
  }
  const words = promptText(caption ?? '');
  if (characters(0, most).safeParse(words).success) return { ...checked.data, caption: words };
  throw failure('CAPTIONER_ANSWER_INVALID', server, `a caption of more than ${most} characters`);
}

async function bounded(response: Response, server: CaptionServer): Promise<string> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > mostBytes)
      throw failure('CAPTIONER_ANSWER_INVALID', server, `an answer of more than ${mostBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

const summaries = {
  CAPTIONER_UNAVAILABLE: 'The captioner does not answer as it should, whatever it is shown',
  CAPTIONER_DENIED: 'The captioner refuses this key',
  CAPTIONER_REFUSED: 'The captioner refuses this image',
  CAPTIONER_FAILED: 'The captioner fails on this image',
  CAPTIONER_ANSWER_INVALID: 'The captioner says something else than a caption of this image',
} as const satisfies Partial<Record<ErrorCode, string>>;

function failure(code: keyof typeof summaries, { name, url }: CaptionServer, found: string, cause?: unknown) {
  const { origin, pathname } = new URL(url);
  return new VimiError(code, summaries[code], { found, where: `${name}, ${origin}${pathname}`, cause });
}

async function greyImage(): Promise<Shown> {
  const pixels = { width: 32, height: 32, data: new Uint8Array(32 * 32 * 3).fill(128) };
  const image = { mediaType: 'image/webp', bytes: () => frameAsWebp(pixels), pixels: async () => pixels };
  return { image, known: [], mostCharacters: 4000 };
}
