import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pythonWithClient } from '../chaos/python.mjs';
import { brokers } from '../kafka-broker.js';

const run = promisify(execFile);
const root = join(import.meta.dirname, '../../..');
const env = { ...process.env, KAFKA_BROKERS: brokers.join(',') };

/** Each publishes `count` records in each codec, in this order: key "CODEC n", value nine times "a fox moves left, n; ". */
export const publishers = {
  async librdkafka(topic: string, count: number, codecs: readonly string[]): Promise<void> {
    const script = join(import.meta.dirname, 'publish_compressed.py');
    await run(pythonWithClient(), [script, topic, String(count), ...codecs], { env });
  },
  async java(topic: string, count: number, codecs: readonly string[]): Promise<void> {
    const program = join(import.meta.dirname, 'PublishCompressed.java');
    await run('java', ['-cp', `${javaLibraries()}/*`, program, topic, String(count), ...codecs], { env });
  },
};

/** Those of examples/clients/java, which are kept. */
function javaLibraries(): string {
  const folder = join(root, '.cache/clients/java');
  const project = join(root, 'examples/clients/java/pom.xml');
  if (!existsSync(folder))
    execFileSync('mvn', ['-q', '-B', '-f', project, 'dependency:copy-dependencies', `-DoutputDirectory=${folder}`]);
  return folder;
}
