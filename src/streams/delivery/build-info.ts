import { Gauge, type Registry } from 'prom-client';
import { version } from '../../core/version.js';

/** Which vimi and which Node.js run: join it to other metrics to see what changed with a release. */
export function createBuildInfo(registry: Registry): void {
  const info = new Gauge({
    name: 'vimi_build_info',
    help: 'Always 1; its labels say which vimi and which Node.js run.',
    labelNames: ['version', 'node'] as const,
    registers: [registry],
  });
  info.set({ version, node: process.versions.node }, 1);
}
