import { z } from 'zod';
import { type DeadLetter, isChosen, isWaiting, readDeadLetters, withReplays } from '../../app/rejects/dead-letters.js';
import { readOriginal } from '../../app/rejects/original.js';
import { dismissLetters, replayLetters } from '../../app/rejects/settle-letters.js';
import type { Workspace } from '../../app/workspace.js';
import { AtOnce } from '../../core/at-once.js';
import { VimiError } from '../../core/errors.js';
import { placeOf } from '../../events/replay.js';
import { answers, json } from '../answers/answers.js';
import type { App } from '../app.js';

const tags = ['operations'];
const place = z.string().min(1).max(512);
const since = z.iso.datetime({ offset: true });
const status = z.enum(['waiting', 'replayed', 'dismissed']);

const reject = z
  .object({
    id: z.string().describe('the place of the rejected record: topic-partition-offset'),
    object: z.literal('reject'),
    status: status.describe('waiting: nothing was done about it yet'),
    event: z.string().describe('the id of the rejected event'),
    about: z
      .string()
      .describe(
        'the uri of a medium, or the text of a prompt, at most 500 characters; empty where the record says neither',
      ),
    rejected_at: z.string(),
    pipeline: z.string(),
    errors: z
      .array(
        z.object({
          part: z.string().describe('of the event; empty: the whole'),
          step: z.string(),
          code: z.string(),
          message: z.string(),
        }),
      )
      .describe('why, for each part that was rejected'),
    urls: z.object({ self: z.string() }),
  })
  .meta({ id: 'Reject' });

const list = z.object({
  object: z.literal('list'),
  data: z.array(reject),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
  counts: z
    .object({ waiting: z.number().int(), replayed: z.number().int(), dismissed: z.number().int() })
    .describe('of all that code and since choose'),
  codes: z
    .array(z.object({ code: z.string(), waiting: z.number().int() }))
    .describe('of all that wait, the most first'),
});

const bytes = z.object({
  text: z.string().describe('as text, or in base64 if it is none; at most 65,536 characters'),
  encoding: z.enum(['text', 'base64']),
  bytes: z.number().int().describe('of the whole'),
});

const opened = reject
  .extend({
    attempts: z.number().int().describe('of the step'),
    remedy: z.string().describe('what to do'),
    original: z
      .object({
        ...{ topic: z.string(), partition: z.number().int(), offset: z.number().int(), timestamp: z.string() },
        ...{ key: bytes.nullable(), value: bytes.nullable(), headers: z.record(z.string(), bytes) },
      })
      .describe('the record as it came'),
  })
  .meta({ id: 'OpenedReject' });

const choice = z
  .strictObject({
    ids: z.array(place).min(1).max(1000).optional().describe('places, or ids of the events'),
    codes: z.array(z.string().min(1).max(200)).min(1).max(100).optional().describe('with one of these error codes'),
    since: since.optional().describe('rejected then or later'),
    all: z.literal(true).optional().describe('all of them: to be said where nothing else chooses'),
  })
  .refine(({ ids, codes, since: from, all }) => Boolean(ids ?? codes ?? from ?? all), 'ids, codes, since, or all: true')
  .meta({ id: 'RejectsChoice' });

/** Of those that were replayed or dismissed so many are named in the answer. */
const mostNamed = 1000;

const settled = z.object({
  object: z.literal('list'),
  data: z
    .array(
      z.object({
        id: z.string(),
        event: z.string(),
        replayed_as: z.string().nullable().describe('the place of the new record'),
      }),
    )
    .describe(`the first ${mostNamed}`),
  count: z.number().int().describe('all of them'),
  passed_over: z.number().int().describe('chosen, and replayed or dismissed before'),
});

/** Dead letters: list them, open one, publish them again, close them. What `vimi rejects` does. */
export function addRejectsRoutes(app: App, workspace: Workspace): void {
  // Each reads whole topics; and what one replays, the next must find replayed.
  const oneByOne = new AtOnce(1);

  app.get(
    '/v1/rejects',
    {
      exposeHeadRoute: false,
      config: { scope: 'admin' },
      schema: {
        ...{ tags, summary: 'List dead letters, the newest first', operationId: 'listRejects' },
        querystring: z.object({
          after: place.optional().describe('the id of the one behind which the list begins'),
          limit: z.coerce.number().int().min(1).max(100).default(20),
          status: status.optional().describe('default: all but those that were dismissed'),
          code: z.string().min(1).max(200).optional().describe('with this error code'),
          since: since.optional().describe('rejected then or later'),
        }),
        response: answers({ 200: json('Dead letters, one page.', list) }),
      },
    },
    async ({ query: { after, limit, status: wanted, code, since: from } }) =>
      oneByOne.take(async () => {
        const { letters } = await readDeadLetters(workspace);
        const all = await withReplays(workspace, letters);
        const chosen = all.filter((letter) =>
          isChosen(letter, choiceOf({ codes: code ? [code] : undefined, since: from })),
        );
        const shown = chosen.filter((letter) => (wanted ? statusOf(letter) === wanted : !letter.dismissed)).reverse();
        const start = after === undefined ? 0 : shown.findIndex((letter) => letter.place === after) + 1;
        if (after !== undefined && start === 0) throw unknownLetter(after, 'after');
        const data = shown.slice(start, start + limit).map(told);
        const counts = { waiting: 0, replayed: 0, dismissed: 0 };
        for (const letter of chosen) counts[statusOf(letter)]++;
        return {
          ...{ object: 'list' as const, data, last_id: data.at(-1)?.id ?? null },
          ...{ has_more: shown.length > start + limit, counts, codes: codesOf(all) },
        };
      }),
  );

  app.get(
    '/v1/rejects/:id',
    {
      exposeHeadRoute: false,
      config: { scope: 'admin' },
      schema: {
        ...{ tags, summary: 'A dead letter with the record as it came', operationId: 'getReject' },
        params: z.object({ id: place.describe('topic-partition-offset') }),
        response: answers({ 200: json('The dead letter.', opened) }),
      },
    },
    async ({ params: { id } }) =>
      oneByOne.take(async () => {
        const { letters } = await readDeadLetters(workspace);
        const [letter] = await withReplays(
          workspace,
          letters.filter((one) => one.place === id),
        );
        const original = letter && (await readOriginal(workspace, id));
        if (!original) throw unknownLetter(id, 'id');
        return { ...told(letter), ...original };
      }),
  );

  for (const verb of ['replay', 'dismiss'] as const)
    app.post(
      `/v1/rejects/${verb}`,
      {
        config: { scope: 'admin' },
        schema: {
          ...{ tags, operationId: `${verb}Rejects` },
          summary:
            verb === 'replay'
              ? 'Publish the original bytes of dead letters to their topics again, each once'
              : 'Close dead letters: they are no longer listed or replayed',
          body: choice,
          response: answers({ 200: json('What was done.', settled) }),
        },
      },
      async ({ body: { ids, codes, since: from } }) =>
        oneByOne.take(async () => {
          const { letters } = await readDeadLetters(workspace);
          const known = new Set(letters.flatMap(({ place: at, event }) => [at, event]));
          for (const id of ids ?? []) if (!known.has(id)) throw unknownLetter(id, 'ids');
          const wanted = letters.filter((letter) => isChosen(letter, choiceOf({ ids, codes, since: from })));
          const chosen = await withReplays(workspace, wanted);
          const data: z.infer<typeof settled>['data'] = [];
          let count = 0;
          const name = ({ place: id, event }: DeadLetter, as: string | null) => {
            count++;
            if (data.length < mostNamed) data.push({ id, event, replayed_as: as });
          };
          if (verb === 'replay')
            for await (const { letter, as } of replayLetters(workspace, chosen)) name(letter, placeOf(as));
          else for (const letter of await dismissLetters(workspace, chosen)) name(letter, null);
          return { object: 'list' as const, data, count, passed_over: chosen.filter((one) => !isWaiting(one)).length };
        }),
    );
}

function choiceOf({
  since: from,
  ...others
}: {
  ids?: string[] | undefined;
  codes?: string[] | undefined;
  since?: string | undefined;
}) {
  return { ...others, ...(from !== undefined && { since: Date.parse(from) }) };
}

function statusOf({ replayed, dismissed }: DeadLetter): z.infer<typeof status> {
  return dismissed ? 'dismissed' : replayed ? 'replayed' : 'waiting';
}

function told(letter: DeadLetter): z.infer<typeof reject> {
  const { place: id, event, about, time, pipeline, errors } = letter;
  const self = `/v1/rejects/${encodeURIComponent(id)}`;
  return {
    ...{ id, object: 'reject', status: statusOf(letter), event, about, rejected_at: time, pipeline, errors },
    urls: { self },
  };
}

/** Codes of those that wait, the most frequent first. */
function codesOf(letters: readonly DeadLetter[]): { code: string; waiting: number }[] {
  const counts = new Map<string, number>();
  for (const { errors } of letters.filter(isWaiting))
    for (const code of new Set(errors.map((error) => error.code))) counts.set(code, (counts.get(code) ?? 0) + 1);
  return [...counts]
    .map(([code, waiting]) => ({ code, waiting }))
    .sort((a, b) => b.waiting - a.waiting || (a.code < b.code ? -1 : 1));
}

function unknownLetter(found: string, where: string): VimiError {
  return new VimiError('REJECT_NOT_FOUND', 'There is no such dead letter', { found, where });
}
