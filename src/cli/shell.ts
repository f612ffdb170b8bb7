import type { Command } from 'commander';
import { type Logger, pino } from 'pino';
import { openTelemetry, type Telemetry } from '../app/telemetry/open-telemetry.js';
import type { Workspace, WorkspaceOptions } from '../app/workspace.js';
import { version } from '../core/version.js';
import { drainMs } from '../streams/delivery/drain-ms.js';
import { leaveNow } from './leave-now.js';
import { printableStream } from './printable.js';

/** The options that stand before the name of a command. */
interface Globals {
  topology: string;
  profile?: string;
  set?: string[];
  logLevel: string;
}

export type Shell = ReturnType<typeof openShell>;

/** What surrounds a command: where it prints, its workspace, its log, and how it is interrupted. */
export function openShell(program: Command) {
  const out = printableStream(process.stdout);
  const globals = () => program.opts<Globals>();
  let interrupted: AbortSignal | undefined;
  let telemetry: Promise<Telemetry | undefined> | undefined;

  /** Ctrl-C once: stop in good order; twice: leave now. */
  function interruption(says = inFlight(drainMs)): AbortSignal {
    const controller = new AbortController();
    interrupted = controller.signal;
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => {
        if (controller.signal.aborted) leaveNow();
        process.stderr.write(`\n${says}; press again to leave now\n`);
        controller.abort();
      });
    return controller.signal;
  }

  function openLog(): Logger {
    const lines = pino.destination({ dest: 2, sync: true });
    // Whoever read them is gone; the work goes on.
    lines.on('error', () => {});
    return pino({ level: globals().logLevel, base: null }, lines);
  }

  async function openWorkspace(more: Partial<Omit<WorkspaceOptions, 'log'>> = {}): Promise<Workspace> {
    const { topology, profile, set } = globals();
    telemetry ??= openTelemetry(process.env, version);
    const { Workspace } = await import('../app/workspace.js');
    return Workspace.open({ topology, profile, set, log: openLog(), telemetry: await telemetry, ...more });
  }

  /** Runs a command in a workspace that is closed whatever happens. */
  async function within(
    work: (workspace: Workspace) => Promise<void>,
    instead: Partial<Omit<WorkspaceOptions, 'log'>> = {},
  ): Promise<void> {
    const workspace = await openWorkspace(instead);
    try {
      await work(workspace);
    } finally {
      await workspace.close();
    }
  }

  return {
    ...{ out, globals, interruption, openLog, openWorkspace, within },
    /** The signal that `interruption` gave, if it was called. */
    interrupted: () => interrupted,
    close: async () => await (await telemetry)?.close(),
  };
}

/** What is said at the first Ctrl-C where work in flight is finished. */
export function inFlight(ms: number): string {
  return `stopping: work in flight has ${ms / 1000} seconds; the next run repeats the rest`;
}
