import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Dependencies point one way: what a room may import besides itself. Each arrow is used. The same table stands in
 * docs/internals/architecture.md.
 */
const mayImport: Record<string, string[]> = {
  core: [],
  events: ['core'],
  language: [],
  media: ['core'],
  stores: ['core', 'events', 'language'],
  models: ['core', 'events', 'language', 'media', 'stores'],
  flow: ['core', 'events', 'media', 'models', 'stores'],
  operators: ['core', 'events', 'language', 'media', 'models', 'stores', 'flow'],
  streams: ['core', 'events', 'stores', 'flow'],
  testing: ['core', 'events', 'models', 'stores', 'flow', 'streams'],
  app: ['core', 'events', 'language', 'media', 'models', 'stores', 'flow', 'operators', 'streams'],
  server: ['core', 'events', 'models', 'operators', 'stores', 'streams', 'app'],
  evaluation: ['core', 'events', 'media', 'models', 'stores', 'operators', 'app'],
  cli: [
    ...['core', 'events', 'media', 'models', 'stores', 'flow', 'operators', 'streams'],
    ...['server', 'app', 'evaluation'],
  ],
};

/** Libraries that stay behind a room, or a file; those of docs/internals/dependencies.md that are not used everywhere. */
const behind: Record<string, string[]> = {
  'fluent-ffmpeg': ['media/ffmpeg.ts'],
  '@ffmpeg-installer/ffmpeg': ['media/tools.ts'],
  '@ffprobe-installer/ffprobe': ['media/tools.ts'],
  sharp: ['media/'],
  'tar-stream': ['media/'],
  kafkajs: ['streams/transports/'],
  hysnappy: ['streams/transports/kafka/protocol/codecs/snappy.ts'],
  zstddec: ['streams/transports/kafka/protocol/codecs/zstd.ts', 'app/ingest/parquet-codecs.ts'],
  minio: ['stores/'],
  'hnswlib-node': ['stores/'],
  'better-sqlite3': ['app/outcomes/', 'stores/', 'streams/transports/', 'core/sqlite.ts'],
  'better-sqlite3-13': ['core/sqlite.ts'],
  '@tensorflow/tfjs': ['models/'],
  '@tensorflow/tfjs-backend-wasm': ['models/backends/'],
  '@tensorflow/tfjs-backend-webgpu': ['models/backends/'],
  '@tensorflow/tfjs-node-gpu': ['models/backends/'],
  webgpu: ['models/backends/'],
  'onnxruntime-web': ['models/onnx-runtime.ts'],
  'onnxruntime-node': ['models/onnx-runtime.ts'],
  '@huggingface/tokenizers': ['models/encoders/onnx/'],
  'csv-parse': ['app/ingest/'],
  hyparquet: ['app/ingest/parquet-codecs.ts', 'app/ingest/parquet-rows.ts'],
  '@lancedb/lancedb': ['app/samples/export/lance-table.ts'],
  'apache-arrow': ['app/samples/export/lance-table.ts'],
  'hyparquet-writer': ['app/samples/export/parquet-table.ts'],
  rxjs: ['flow/', 'streams/', 'testing/'],
  yaml: ['streams/topology/', 'testing/', 'cli/docs/alerts/', 'cli/docs/chart/'],
  'prom-client': ['streams/', 'app/model-metrics.ts', 'app/service-metrics.ts'],
  '@opentelemetry/api': ['app/telemetry/'],
  '@opentelemetry/sdk-trace-node': ['app/telemetry/'],
  '@opentelemetry/exporter-trace-otlp-http': ['app/telemetry/'],
  '@opentelemetry/resources': ['app/telemetry/'],
  'fastify-type-provider-zod': ['server/app.ts'],
  fastify: ['server/'],
  '@fastify/multipart': ['server/app.ts'],
  '@fastify/swagger': ['server/app.ts'],
  pino: ['cli/'],
  commander: ['cli/'],
  '@orama/stemmers': ['language/'],
};

const src = join(import.meta.dirname, '../../src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  // A scoped name is a package wherever it stands, in a list of those that are looked for, too.
  const ways = /(?:(?:from|import|require|optionalPackage(?:<\w+>)?)\s*\(?\s*'|'(?=@))([^']+)'/g;
  return [...text.matchAll(ways)].map((match) => match[1]!);
}

/** Whether a file's import is of a library, or of a part of it. */
const isOf = (imported: string, library: string) => imported === library || imported.startsWith(`${library}/`);

/** The files of src that a file imports, types included. */
function filesOf(file: string): string[] {
  return importsOf(file)
    .filter((name) => name.startsWith('.'))
    .map((name) => relative(src, normalize(join(src, dirname(file), name))).replace(/\.js$/, '.ts'))
    .filter((target) => files.includes(target));
}

const roomOf = (file: string) => file.split('/')[0]!;

/** Names that reach each other, by the algorithm of Tarjan. */
function circlesOf(graph: Map<string, string[]>): string[][] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const path: string[] = [];
  const circles: string[][] = [];
  const visit = (name: string) => {
    index.set(name, index.size);
    low.set(name, index.get(name)!);
    path.push(name);
    for (const next of graph.get(name) ?? []) {
      if (!index.has(next)) visit(next);
      if (path.includes(next)) low.set(name, Math.min(low.get(name)!, low.get(next)!));
    }
    if (low.get(name) !== index.get(name)) return;
    const circle = path.splice(path.indexOf(name));
    if (circle.length > 1 || graph.get(name)?.includes(name)) circles.push(circle.sort());
  };
  for (const name of graph.keys()) if (!index.has(name)) visit(name);
  return circles;
}

describe('the house', () => {
  it('has files to look at', () => {
    expect(files.length).toBeGreaterThan(40);
  });

  it('has no imports against the direction of its rooms', () => {
    const wrong: string[] = [];
    const idle = new Set(
      Object.entries(mayImport).flatMap(([room, others]) => others.map((other) => `${room} → ${other}`)),
    );
    for (const file of files) {
      const room = roomOf(file);
      if (room === file) continue;
      for (const target of filesOf(file)) {
        const other = roomOf(target);
        if (other === room) continue;
        if (!mayImport[room]?.includes(other)) wrong.push(`${file} → ${target}`);
        idle.delete(`${room} → ${other}`);
      }
    }
    expect(wrong).toEqual([]);
    expect([...idle]).toEqual([]);
  });

  it('has no circle, neither of files nor of rooms', () => {
    expect(circlesOf(new Map(files.map((file) => [file, filesOf(file)])))).toEqual([]);
    expect(circlesOf(new Map(Object.entries(mayImport)))).toEqual([]);
    // It would see one.
    expect(circlesOf(new Map([...'abcd'].map((name, n) => [name, ['bcad'[n]!]])))).toEqual([['a', 'b', 'c'], ['d']]);
  });

  it('tells in docs/internals/architecture.md what each room may import', () => {
    const text = readFileSync(join(src, '../docs/internals/architecture.md'), 'utf8');
    const rows = [...text.matchAll(/^\| `src\/(\w+)` \|[^|]*\|([^|]*)\|$/gm)];
    const told = rows.map(([, room, others]) => [room, [...others!.matchAll(/\w+/g)].map(String).sort()]);
    expect(Object.fromEntries(told)).toEqual(
      Object.fromEntries(Object.entries(mayImport).map(([room, others]) => [room, [...others].sort()])),
    );
  });

  it('keeps each library behind its door', () => {
    const wrong: string[] = [];
    // It names the optional packages with their versions; those who ask it for one are looked at.
    for (const file of files.filter((one) => one !== 'core/optional-package.ts'))
      for (const imported of importsOf(file))
        for (const [library, doors] of Object.entries(behind))
          if (isOf(imported, library) && !doors.some((door) => file.startsWith(door)))
            wrong.push(`${file} imports ${imported}`);
    expect(wrong).toEqual([]);
    // A door that nobody goes through, or one that this does not see them go through.
    const idle = Object.entries(behind).flatMap(([library, doors]) =>
      doors.filter(
        (door) => !files.some((file) => file.startsWith(door) && importsOf(file).some((name) => isOf(name, library))),
      ),
    );
    expect(idle).toEqual([]);
  });

  it('tells of every dependency, and where it stays', () => {
    const told = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8'));
    const all = [told.dependencies, told.optionalDependencies, told.peerDependencies].flatMap(Object.keys);
    const text = readFileSync(join(src, '../docs/internals/dependencies.md'), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('| package'));
    const named = rows
      .flatMap((row) => row.split('|')[1]!.replace('(optional)', '').split(','))
      .map((name) => name.trim());
    expect(named.sort()).toEqual(all.sort());
    for (const row of rows)
      for (const [library, doors] of Object.entries(behind)) {
        if (!row.split('|')[1]!.split(/[ ,]+/).includes(library)) continue;
        const places = [...row.split('|')[3]!.matchAll(/`src\/([^`]+)`/g)].map(([, place]) => place!);
        expect(places.sort(), library).toEqual(doors.map((door) => door.replace(/\/$/, '')).sort());
      }
  });

  it('has no room for odds and ends', () => {
    expect(files.filter((file) => /(^|\/)(utils?|common|helpers?|misc)(\/|\.)/.test(file))).toEqual([]);
  });
});
