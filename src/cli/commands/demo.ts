import { readFile, writeFile } from 'node:fs/promises';
import { basename, join, relative } from 'node:path';
import { Client } from '../../app/client/client.js';
import type { Job } from '../../app/client/job.js';
import { liveShards } from '../../app/samples/live-shards.js';
import type { Workspace } from '../../app/workspace.js';
import { encodeEvent } from '../../events/cloudevents.js';
import type { MediaAdded } from '../../events/schemas.js';
import { contactSheet } from '../../media/drawing/contact-sheet.js';
import { probeMedia } from '../../media/probe-media.js';
import { readFrames } from '../../media/read-frames.js';
import { mediaTools } from '../../media/tools.js';
import type { RgbImage } from '../../models/ports.js';
import { type GalleryEntry, gallery } from '../gallery.js';
import { modelNames } from '../model-names.js';
import { duration } from '../progress.js';
import { project } from './demo-topology.js';
import { reportLine, runPipelines } from './run.js';

/** The image of the mushroom is in the corpus alone: no clip, here or in the model's training, shows one. */
const prompts: readonly { text: string; seed: number; motions?: number }[] = [
  { text: 'a mushroom moves left on a blue background', seed: 1 },
  {
    text: 'a rocket moves up on the left and a fox moves down on the right, in front of the desert of Nopodun',
    seed: 1,
  },
  { text: 'a strawberry painted blue moves down on a white background', seed: 4 },
  // What "orbits" is, the model knows from the retrieved clip alone.
  { text: 'an octopus orbits on a yellow background', seed: 3, motions: 1 },
];

/**
 * The main job on embedded parts: media become a corpus and a shard, four prompts become videos grounded in it, and a
 * page shows what was asked, what was retrieved and what came out.
 */
export async function demo(workspace: Workspace, signal: AbortSignal, out: NodeJS.WritableStream): Promise<void> {
  const began = performance.now();
  const { ffmpeg } = mediaTools();
  const [generate, corpus] = [workspace.pipeline('generate'), workspace.pipeline('corpus')];
  const model = await (await workspace.modelsOf(generate)).all()[0]?.describe();
  if (model) out.write(`model    ${modelNames(model)}, ${model.parameters} parameters, backend ${model.backend}\n`);
  out.write(`ffmpeg   ${ffmpeg.version}${ffmpeg.bundled ? ' (bundled)' : ''} ${ffmpeg.path}\n\n`);

  const media = (await readFile(join(project, 'examples/media/media.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as MediaAdded)
    .map((event) => ({ ...event, uri: join(project, event.uri) }));
  const isClip = ({ uri }: MediaAdded) => uri.endsWith('.mp4');
  // Stills first: with the corpus complete, the clips' contexts do not depend on who was faster.
  for (const [what, part] of [
    ['images', media.filter((event) => !isClip(event))],
    ['clips', media.filter(isClip)],
  ] as const) {
    await publishMedia(workspace, corpus.from, part);
    const [report] = await runPipelines(workspace, [corpus], { drain: true, signal, bars: true });
    const { documents } = await (await workspace.corpusIsCurrent()).state();
    out.write(`${what.padEnd(8)} ${reportLine(report!)}; the corpus has ${documents} documents\n`);
    if (signal.aborted) return;
  }

  const client = await Client.of(workspace, generate);
  const jobs: Job[] = [];
  for (const { text, seed, motions } of prompts)
    jobs.push(
      await client.submit({ prompt: text, seed, ...(motions && { retrieval: { motions } }) }, { source: '/vimi/demo' }),
    );
  await runPipelines(workspace, [generate], { drain: true, signal, bars: true });
  if (signal.aborted) return client.close();

  const { folder } = workspace.topology;
  const shown = await collect(workspace, client, jobs);
  await client.close();
  const columns = Math.max(...shown.map(({ seen }) => seen.length));
  await contactSheet(
    shown.map(({ entry, seen, frames }) => ({
      label: entry.promptText,
      images: [...Array<null>(columns - seen.length).fill(null), ...seen, ...frames],
    })),
    join(folder, 'contact-sheet.png'),
  );
  const { documents } = await (await workspace.corpusIsCurrent()).state();
  const page = await gallery(
    shown.map(({ entry }) => entry),
    folder,
    { documents, contactSheet: 'contact-sheet.png' },
  );

  const shards = await liveShards(workspace);
  const here = (path: string) => relative(process.cwd(), path) || path;
  for (const { entry } of shown)
    out.write(
      `\n"${entry.promptText}"\n  retrieved  ${entry.context.map(({ caption }) => caption).join(', ') || 'nothing'}\n  video      ${here(join(folder, entry.video))}\n`,
    );
  for (const { object, samples } of shards) {
    const shard = await (await workspace.objects()).localFile(object.key);
    out.write(`\nshard      ${here(shard.path)}, ${samples} samples`);
    await shard.release();
  }
  out.write(
    `\ncontact    ${here(join(folder, 'contact-sheet.png'))}\ngallery    ${here(page)}   (open it in a browser)\n`,
  );
  out.write(`\n${duration((performance.now() - began) / 1000)}. The demo has its own corpus. Next:
  npx vimi -t ${here(workspace.topology.file)} generate "a penguin spins on a yellow background"
  npx vimi -t ${here(workspace.topology.file)} corpus search "a red mushroom"
  npx vimi ingest FOLDER          your own media, each with a .txt caption beside it
  npx vimi doctor
`);
}

async function publishMedia(workspace: Workspace, topic: string, media: MediaAdded[]): Promise<void> {
  const transport = await workspace.transport();
  const run = Date.now().toString(36);
  await transport.publish(
    media.map((data, n) =>
      encodeEvent({
        schema: 'media.added',
        id: `demo-${run}-${n}-${data.uri.split('/').pop()}`,
        source: '/vimi/demo',
        topic,
        // One key, one partition: so few samples make one shard.
        key: 'demo',
        data,
      }),
    ),
  );
}

/** Copies what the page shows into its folder, and decodes the videos as a player would. */
async function collect(
  workspace: Workspace,
  client: Client,
  jobs: readonly Job[],
): Promise<{ entry: GalleryEntry; seen: Buffer[]; frames: RgbImage[] }[]> {
  const { folder } = workspace.topology;
  const objects = await workspace.objects();
  const keep = async (key: string, sha256: string) => {
    const name = basename(key);
    await writeFile(join(folder, name), await objects.get(key, { sha256 }));
    return name;
  };
  return Promise.all(
    jobs.map(async (job, n) => {
      const video = await job.video();
      const { object, context, prompt, unread_parts: unread, model, sampler, timings } = video.data;
      const name = basename(object.key);
      await client.save(video, join(folder, name));
      const retrieved = context.map(async ({ caption, image, score, clip }) => ({
        caption,
        score,
        image: await keep(image.key, image.sha256),
        sha256: image.sha256,
        ...(clip && { clip: await keep(clip.key, clip.sha256) }),
      }));
      const entry: GalleryEntry = {
        job: job.id,
        promptText: prompts[n]!.text,
        composed: prompt,
        ...(unread && { unread }),
        context: await Promise.all(retrieved),
        video: name,
        model: model.name,
        backend: model.backend,
        seed: sampler.seed,
        seconds: Number((timings as { denoise_seconds?: number } | undefined)?.denoise_seconds ?? 0),
      };
      // The row of the contact sheet: what the model saw, of a clip one frame, then what it made.
      const seen = await Promise.all(context.map(({ image }) => objects.get(image.key, { sha256: image.sha256 })));
      return { entry, seen, frames: await framesOf(join(folder, name)) };
    }),
  );
}

async function framesOf(path: string): Promise<RgbImage[]> {
  const { signal } = new AbortController();
  const probe = await probeMedia(path, { maxPixels: 1_000_000, signal });
  const { width, height, fps } = probe;
  const { frames } = await readFrames(path, probe, { width, height, fps, signal });
  const decoded: RgbImage[] = [];
  for await (const data of frames) decoded.push({ width, height, data });
  return decoded;
}
