import { parsePosition, positionText } from '../../app/corpus-at.js';
import { balanceCorpus } from '../../app/passes/balance-corpus.js';
import { deduplicateCorpus } from '../../app/passes/deduplicate-corpus.js';
import type { Grouping } from '../../app/passes/groupings.js';
import { forgetKeepList, keepLists, storeKeepList } from '../../app/passes/keep-lists.js';
import { type PassDocument, snapshot } from '../../app/passes/snapshot.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import type { CorpusPassed } from '../../events/schemas.js';
import { shard } from '../../operators/corpus/shard.js';
import type { LeftOut } from '../../stores/keep-lists/keep-list.js';
import { progress } from '../progress.js';

interface PassOptions {
  /** Of the keep-list; the name of the pass when left out. */
  name?: string;
  /** The score of which the documents that stay have most. */
  best: string;
  /** A position of the corpus; as it is now without it. */
  at?: string;
  /** Says what would be left out, and writes nothing. */
  dryRun?: boolean;
  /** Names every document, and not only the first. */
  list?: boolean;
  json?: boolean;
  signal?: AbortSignal;
}

export interface DedupOptions extends PassOptions {
  /** The least cosine of two images that count as the same, 0 to 1. */
  likeness: number;
}

export interface BalanceOptions extends PassOptions {
  by: Grouping;
  /** Documents of a group. */
  most: number;
}

/** Semantic deduplication of the corpus: of documents whose images are alike one stays. */
export async function corpusDedup(
  workspace: Workspace,
  { likeness, ...options }: DedupOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { best, signal } = options;
  const encoder = (await workspace.embedder()).name;
  const bar = progress('comparing documents');
  const pass = async (documents: PassDocument[]) =>
    deduplicateCorpus(documents, {
      ...{ likeness, best, encoder, signal },
      onProgress: (done, total) => bar.update(done, total),
    }).finally(() => bar.finish());
  await runPass(workspace, { pass: 'dedup', settings: { likeness, best }, of: pass }, options, out);
}

/** Balance: at most so many documents of a group stay. */
export async function corpusBalance(
  workspace: Workspace,
  { by, most, ...options }: BalanceOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { best } = options;
  const pass = async (documents: PassDocument[]) => ({
    leftOut: balanceCorpus(documents, { by, most, best }),
    unknown: 0,
  });
  await runPass(workspace, { pass: 'balance', settings: { by, most, best }, of: pass }, options, out);
}

export async function listPasses(
  workspace: Workspace,
  { json = false }: { json?: boolean },
  out: NodeJS.WritableStream,
) {
  for (const told of (await keepLists(await workspace.keepListPlace())).values())
    out.write(json ? `${JSON.stringify(told)}\n` : `${passText(told)}\n`);
}

/** USAGE while a step of the topology names it. */
export async function forgetPass(workspace: Workspace, name: string, out: NodeJS.WritableStream): Promise<void> {
  const naming = workspace.topology.pipelines.filter(({ steps }) =>
    steps.some(({ operator, config }) => operator.name === shard.name && isNamedIn(config, name)),
  );
  if (naming.length > 0)
    throw new VimiError(
      'USAGE',
      `The step shard of ${naming.map((one) => one.name).join(' and ')} names this keep-list`,
      {
        expected: 'a list that no step names',
        found: `keep_list: ${name}`,
        where: workspace.topology.file,
        remedy: 'Take keep_list out of the step and restart `vimi run`, then forget the list.',
      },
    );
  await forgetKeepList(name, await workspace.keepListPlace());
  out.write(`${name} is forgotten: nothing is left out by it any more\n`);
}

interface Pass {
  pass: CorpusPassed['pass'];
  settings: CorpusPassed['settings'];
  of(documents: PassDocument[]): Promise<{ leftOut: LeftOut[]; unknown: number }>;
}

/** Documents that are named unless all are asked for. */
const namedAtFirst = 20;

async function runPass(
  workspace: Workspace,
  { pass, settings, of }: Pass,
  { name = pass, best, at, dryRun = false, list = false, json = false }: PassOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  checkName(name);
  const place = await workspace.keepListPlace();
  const { position, documents } = await snapshot(workspace, at === undefined ? undefined : parsePosition(at));
  checkScore(documents, best);
  const { leftOut, unknown } = await of(documents);
  const captions = new Map(documents.map(({ id, caption }) => [id, caption]));
  for (const line of json || list ? leftOut : leftOut.slice(0, namedAtFirst))
    out.write(
      json
        ? `${JSON.stringify({ ...line, caption: captions.get(line.document) })}\n`
        : `- ${captions.get(line.document)}  ${line.document.slice(0, 12)}  ${reasonText(line, captions)}\n`,
    );
  if (!json && !list && leftOut.length > namedAtFirst)
    out.write(`... and ${leftOut.length - namedAtFirst} more: --list names all\n`);
  const said = { name, pass, settings, position: { ...position }, documents: documents.length };
  const stored = dryRun ? null : await storeKeepList(said, leftOut, place);
  const told = stored ?? { ...said, left_out: leftOut.length };
  if (json) {
    out.write(`${JSON.stringify({ ...told, unknown, dry_run: dryRun })}\n`);
    return;
  }
  if (unknown > 0) out.write(`${unknown} documents of another encoder were not compared, and stay\n`);
  out.write(`${passText(told as CorpusPassed)}${dryRun ? ': not stored' : ''}\n`);
  if (stored)
    out.write(
      `to apply it: --keep-list ${name} of samples export and reground, keep_list: ${name} of the step shard\n`,
    );
}

function passText({ name, pass, settings, position, documents, left_out }: CorpusPassed): string {
  const set = Object.entries(settings).map(([key, value]) => `${key} ${value}`);
  const place = positionText(Object.fromEntries(Object.entries(position).map(([n, at]) => [Number(n), at])));
  return `${name}: ${pass} (${set.join(', ')}) of the corpus at ${place} keeps ${documents - left_out} of ${documents} documents`;
}

function reasonText({ reason, of, likeness, group }: LeftOut, captions: ReadonlyMap<string, string>): string {
  if (reason === 'over') return `enough of ${group}`;
  return `like ${captions.get(of!)} ${of!.slice(0, 12)} (${likeness!.toFixed(3)})`;
}

function checkName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return;
  throw new VimiError('USAGE', 'This is no name of a keep-list', {
    ...{ expected: 'letters, digits, dots, dashes and underscores, at most 64', found: name },
  });
}

/** One that no document has is most likely a slip. */
function checkScore(documents: readonly PassDocument[], best: string): void {
  const known = new Set(documents.flatMap(({ scores }) => Object.keys(scores)));
  if (documents.length === 0 || known.size === 0 || known.has(best)) return;
  throw new VimiError('USAGE', `No document has the score '${best}'`, { expected: [...known].sort().join(', ') });
}

function isNamedIn(config: unknown, name: string): boolean {
  return (config as { keep_list?: string }).keep_list === name;
}
