import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

/**
 * Dependencies point one way: cli, server → streams → operators → (models, stores) → events. The arrows below are all
 * there are; files at the top of src (errors, compiled) are below everything.
 */
const mayImport: Record<string, string[]> = {
  events: [],
  media: [],
  models: ['events', 'media'],
  stores: ['events', 'models/embedding', 'models/ports.ts'],
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
  server: ['streams', 'operators', 'models', 'stores', 'events', 'media'],
  cli: ['server', 'streams', 'operators', 'models', 'stores', 'events', 'media'],
};

/** Libraries that stay behind one room, or one file. */
const behind: Record<string, string[]> = {
  'fluent-ffmpeg': ['media/ffmpeg.ts'],
  kafkajs: ['streams/transports/'],
  minio: ['stores/'],
  'hnswlib-node': ['stores/'],
  'better-sqlite3': ['stores/', 'streams/transports/'],
  '@tensorflow/': ['models/'],
  rxjs: ['streams/', 'operators/'],
  commander: ['cli/'],
};

const src = join(import.meta.dirname, '../../src');
const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));

function importsOf(file: string): string[] {
  const text = readFileSync(join(src, file), 'utf8');
  return [...text.matchAll(/(?:from|import)\s*\(?\s*'([^']+)'/g)].map((match) => match[1]!);
}

describe('the house', () => {
  it('has files to look at', () => {
    expect(files.length).toBeGreaterThan(40);
  });

  it('has no imports against the direction of its rooms', () => {
    const wrong: string[] = [];
    for (const file of files) {
      const room = file.split('/')[0]!;
      const allowed = mayImport[room];
      if (!allowed) continue;
      for (const imported of importsOf(file).filter((name) => name.startsWith('.'))) {
        const target = relative(src, normalize(join(src, dirname(file), imported))).replace(/\.js$/, '.ts');
        if (!target.includes('/') || target.startsWith(`${room}/`)) continue;
        if (!allowed.some((place) => target === place || target.startsWith(`${place}/`)))
          wrong.push(`${file} → ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('keeps each library behind its door', () => {
    const wrong: string[] = [];
    for (const file of files)
      for (const imported of importsOf(file))
        for (const [library, doors] of Object.entries(behind))
          if ((imported === library || imported.startsWith(library)) && !doors.some((door) => file.startsWith(door)))
            wrong.push(`${file} imports ${imported}`);
    expect(wrong).toEqual([]);
  });

  it('has no room for odds and ends', () => {
    expect(files.filter((file) => /(^|\/)(utils?|common|helpers?|misc)(\/|\.)/.test(file))).toEqual([]);
  });
});
