import { longestMatch } from './path-rules.js';
import { pathOf } from './robots.js';

/*
 * What a server says of the use of its media for training:
 *
 *   Content-Usage: train-ai=n           AIPREF; in a header, or in robots.txt
 *   tdm-reservation: 1                  TDMRep; in a header, or in /.well-known/tdmrep.json
 *   X-Robots-Tag: noai                  also noimageai and noml; for all robots, or for this one
 *
 * Each function gives the text that refuses, or undefined.
 */

/** From the narrowest purpose to the widest: the first that says something counts. */
const purposes = ['train-genai', 'train-ai', 'bots'];

/** A dictionary of structured fields (RFC 9651), of which the keys of AIPREF count. */
export function refusesUsage(value: string): string | undefined {
  const said = new Map(
    value.split(',').map((entry) => {
      const [key = '', preference = ''] = entry.split(';')[0]!.split('=');
      return [key.trim().toLowerCase(), preference.trim().toLowerCase()] as const;
    }),
  );
  const purpose = purposes.find((one) => ['y', 'n'].includes(said.get(one) ?? ''));
  return purpose !== undefined && said.get(purpose) === 'n' ? `${purpose}=n` : undefined;
}

export function refusesTraining(headers: readonly [name: string, value: string][], robot: string): string | undefined {
  for (const [name, value] of headers) {
    const refused =
      name === 'content-usage'
        ? refusesUsage(value)
        : name === 'tdm-reservation'
          ? /^\s*1\s*$/.test(value) && '1'
          : name === 'x-robots-tag' && refusedTag(value, robot);
    if (refused) return `${name}: ${refused}`;
  }
  return undefined;
}

/** `noai, nofollow`, or `robot: noai` for one robot alone. */
function refusedTag(value: string, robot: string): string | undefined {
  const [, named, tags = ''] = /^(?:\s*([\w-]+)\s*:)?(.*)$/s.exec(value) ?? [];
  if (named !== undefined && named.toLowerCase() !== robot) return undefined;
  const said = tags.split(',').map((tag) => tag.trim().toLowerCase());
  return ['noai', 'noimageai', 'noml'].find((tag) => said.includes(tag));
}

/** The rules of a tdmrep.json; what is no rule is left out, since half a file still says what it says. */
export function readTdmRep(text: string): { pattern: string; isReserved: boolean }[] {
  let rules: unknown;
  try {
    rules = JSON.parse(text);
  } catch {
    return [];
  }
  return (Array.isArray(rules) ? rules : [rules]).slice(0, 10_000).flatMap((rule: unknown) => {
    const { location, 'tdm-reservation': reservation } = (rule ?? {}) as Record<string, unknown>;
    return typeof location === 'string' ? [{ pattern: location, isReserved: Number(reservation) === 1 }] : [];
  });
}

export function reservedBy(rules: ReturnType<typeof readTdmRep>, url: URL): string | undefined {
  const rule = longestMatch(rules, pathOf(url));
  return rule?.isReserved ? `tdm-reservation of ${rule.pattern}` : undefined;
}
