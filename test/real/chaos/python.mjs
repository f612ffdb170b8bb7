// @ts-nocheck: a plain script
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const root = join(import.meta.dirname, '../../..');
const folder = join(root, '.cache/clients/python');
const python = join(folder, 'bin/python');

/** Python with the client library of examples/clients/python, in an environment of its own that is kept. */
export function pythonWithClient() {
  if (spawnSync(python, ['-c', 'import confluent_kafka']).status === 0) return python;
  execFileSync('python3', ['-m', 'venv', folder]);
  const requirements = join(root, 'examples/clients/python/requirements.txt');
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  return python;
}

/** All committed records of topics, as a reader with another client library sees them. */
export async function readTopics(brokers, topics) {
  const script = join(import.meta.dirname, 'read_topics.py');
  const child = spawn(pythonWithClient(), [script, ...topics], {
    env: { ...process.env, KAFKA_BROKERS: brokers },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', done);
  });
  const records = [];
  for await (const line of createInterface({ input: child.stdout })) records.push(JSON.parse(line));
  const code = await ended;
  if (code !== 0) throw new Error(`the Python reader ended with ${code}`);
  return records;
}
