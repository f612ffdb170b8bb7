import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Dependencies point one way: cli, server → streams → operators → (models, stores) → events. The arrows below are all
 * there are, and each is used; files at the top of src (errors, compiled, bounded-file) are below everything.
 */
const mayImport: Record<string, string[]> = {
  events: [],
  media: [],
  language: [],
  models: ['events', 'media', 'language', 'stores/object-store.ts'],
  stores: ['events', 'language'],
  operators: [
    'models',
    'stores',
    'events',
    'media',
    'streams/envelope.ts',
    'streams/settlement.ts',
    'streams/transport.ts',
  ],
  streams: ['operators', 'stores', 'events'],
  evaluation: [
    'operators',
    'models',
    'stores',
    'events',
    'media',
    'streams/chain.ts',
    'streams/pause.ts',
    'streams/pipeline-spec.ts',
    'streams/settlement.ts',
    'streams/step-watch.ts',
  ],
  server: ['streams'],
  testing: ['operators', 'models', 'stores', 'events', 'streams'],
  cli: ['server', 'evaluation', 'streams', 'operators', 'models', 'stores', 'events', 'media'],
};

/** Libraries that stay behind a room, or a file; those of docs/dependencies.md that are not used everywhere. */
const behind: Record<string, string[]> = {
  'fluent-ffmpeg': ['media/ffmpeg.ts'],
  '@ffmpeg-installer/ffmpeg': ['media/tools.ts'],
  '@ffprobe-installer/ffprobe': ['media/tools.ts'],
  sharp: ['media/', 'models/training/'],
  'tar-stream': ['media/'],
  kafkajs: ['streams/transports/'],
  hysnappy: ['streams/transports/kafka/codecs/snappy.ts'],
  zstddec: ['streams/transports/kafka/codecs/zstd.ts'],
  minio: ['stores/'],
  'hnswlib-node': ['stores/'],
  'better-sqlite3': ['stores/', 'streams/transports/', 'file-lock.ts'],
  '@tensorflow/tfjs': ['models/'],
  '@tensorflow/tfjs-backend-wasm': ['models/backend/'],
  '@tensorflow/tfjs-backend-webgpu': ['models/backend/'],
  '@tensorflow/tfjs-node-gpu': ['models/backend/'],
  webgpu: ['models/backend/'],
  'onnxruntime-web': ['models/onnx/'],
  '@huggingface/tokenizers': ['models/onnx/'],
  'csv-parse': ['cli/commands/folder-captions.ts'],
  rxjs: ['streams/', 'operators/', 'testing/'],
  yaml: ['streams/topology/', 'testing/'],
  'prom-client': ['streams/'],
  pino: ['cli/'],
  commander: ['cli/'],
  '@orama/stemmers': ['language/'],
};

const src = join(import.meta.dirname, '../../src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  // A scoped name is a package wherever it stands, in a list of those that are looked for, too.
  const ways = /(?:(?:from|import|optionalPackage(?:<\w+>)?)\s*\(?\s*'|'(?=@))([^']+)'/g;
  return [...text.matchAll(ways)].map((match) => match[1]!);
}

describe('the house', () => {
  it('has files to look at', () => {
    expect(files.length).toBeGreaterThan(40);
  });

  it('has no imports against the direction of its rooms', () => {
    const wrong: string[] = [];
    const idle = new Set(
      Object.entries(mayImport).flatMap(([room, places]) => places.map((place) => `${room} → ${place}`)),
    );
    for (const file of files) {
      const room = file.split('/')[0]!;
      if (!file.includes('/')) continue;
      const allowed = mayImport[room] ?? [];
      for (const imported of importsOf(file).filter((name) => name.startsWith('.'))) {
        const target = relative(src, normalize(join(src, dirname(file), imported))).replace(/\.js$/, '.ts');
        if (!target.includes('/') || target.startsWith(`${room}/`)) continue;
        const places = allowed.filter((place) => target === place || target.startsWith(`${place}/`));
        if (places.length === 0) wrong.push(`${file} → ${target}`);
        for (const place of places) idle.delete(`${room} → ${place}`);
      }
    }
    expect(wrong).toEqual([]);
    expect([...idle]).toEqual([]);
  });

  it('keeps each library behind its door', () => {
    const wrong: string[] = [];
    // It names the optional packages with their versions; those who ask it for one are looked at.
    for (const file of files.filter((one) => one !== 'models/optional-package.ts'))
      for (const imported of importsOf(file))
        for (const [library, doors] of Object.entries(behind))
          if (imported.startsWith(library) && !doors.some((door) => file.startsWith(door)))
            wrong.push(`${file} imports ${imported}`);
    expect(wrong).toEqual([]);
    // A door that nobody goes through, or one that this does not see them go through.
    const idle = Object.entries(behind).flatMap(([library, doors]) =>
      doors.filter(
        (door) =>
          !files.some((file) => file.startsWith(door) && importsOf(file).some((name) => name.startsWith(library))),
      ),
    );
    expect(idle).toEqual([]);
  });

  it('tells of every dependency, and where it stays', () => {
    const told = JSON.parse(readFileSync(join(src, '../package.json'), 'utf8'));
    const all = [told.dependencies, told.optionalDependencies, told.peerDependencies].flatMap(Object.keys);
    const text = readFileSync(join(src, '../docs/dependencies.md'), 'utf8');
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
