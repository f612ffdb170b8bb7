import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv, promisify } from 'node:util';

/** Brokers of a test alone, which it may kill: on ports and in a folder of their own. */
export interface OwnBrokers {
  /** host:port of each, in the order of their node ids, from 1 on. */
  readonly addresses: string[];
  /** Starts those that do not run, and waits until all are members of the cluster. */
  up(): Promise<void>;
  /** In good order. */
  down(): Promise<void>;
  /** As when the machine loses power, but for the disk. */
  kill(nodeId?: number): void;
  remove(): Promise<void>;
}

export async function startBrokers(count: number, set: Record<string, string | number> = {}): Promise<OwnBrokers> {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-broker-'));
  const infra = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['infra/servers.mjs', ...args], {
      env: { ...process.env, VIMI_INFRA: folder },
    });
  const settings = Object.entries(set).flatMap(([name, value]) => ['--set', `${name}=${value}`]);
  const own: OwnBrokers = {
    addresses: [],
    async up() {
      await infra('up', 'kafka', '--brokers', String(count), ...settings);
      const { KAFKA_BROKERS = '' } = parseEnv(readFileSync(join(folder, 'env'), 'utf8').replaceAll('export ', ''));
      own.addresses.splice(0, count, ...KAFKA_BROKERS.split(','));
    },
    async down() {
      await infra('down', 'kafka');
    },
    kill(nodeId = 1) {
      const [pid] = readFileSync(join(folder, 'run', `kafka${nodeId > 1 ? `-${nodeId}` : ''}.pid`), 'utf8').split('\n');
      process.kill(Number(pid), 'SIGKILL');
    },
    async remove() {
      if (existsSync(folder)) await infra('down', 'kafka');
      rmSync(folder, { recursive: true, force: true });
    },
  };
  try {
    await own.up();
    return own;
  } catch (error) {
    await own.remove();
    throw error;
  }
}
