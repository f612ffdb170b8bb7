import type { ChildProcess } from 'node:child_process';
import { compiled } from '../../../core/compiled.js';
import { VimiError } from '../../../core/errors.js';
import { reviveError, startProcess } from '../../servers/own-process.js';
import type { Batch } from '../data/batch.js';
import type { PieceGradients } from '../loop/gradients.js';
import type { FromGradientProcess, GradientProcessOptions, ToGradientProcess } from './gradient-messages.js';

/** A process that computes gradients on a device of its own. One piece at a time. */
export class GradientWorker {
  /** Fails with BACKEND_UNAVAILABLE when its device cannot be used. */
  readonly ready: Promise<unknown>;
  readonly #child: ChildProcess;
  #heard: { resolve(message: FromGradientProcess): void; reject(error: VimiError): void } | null = null;
  /** Why it answers no more. */
  #end: VimiError | null = null;

  constructor(options: GradientProcessOptions) {
    const { child, endOf } = startProcess(compiled(import.meta.url, './gradient-process.js'), options);
    this.#child = child;
    const ended = (found: string, cause?: Error) => {
      this.#end ??= new VimiError('MODEL_CRASHED', 'A process of the training died', {
        ...{ found, where: whereOf(options), cause },
        remedy: 'The same command continues from the last checkpoint.',
      });
      this.#heard?.reject(this.#end);
    };
    child.on('error', (cause) => ended(cause.message, cause));
    child.on('exit', (code, signal) => ended(endOf(code, signal)));
    child.on('message', (message: FromGradientProcess) => {
      if (message.type === 'failed') this.#heard?.reject(reviveError(message.error));
      else this.#heard?.resolve(message);
    });
    this.ready = this.#hear();
  }

  /**
   * Hands it a piece, and before it new weights if there are any. `sent` resolves when it has them, `answer` to the
   * gradients; both fail with MODEL_CRASHED, or what the computation failed of.
   */
  ask(
    piece: Batch,
    weights?: ReadonlyMap<string, Float32Array>,
  ): { sent: Promise<unknown>; answer: Promise<PieceGradients> } {
    const answer = this.#hear() as Promise<Extract<FromGradientProcess, { type: 'gradients' }>>;
    const sent = Promise.all([
      weights && this.#tell({ type: 'weights', values: weights }),
      this.#tell({ type: 'piece', piece }),
    ]);
    return { sent: Promise.race([sent, answer]), answer };
  }

  /** It keeps nothing that could be lost. */
  async close(): Promise<void> {
    const child = this.#child;
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGKILL');
    await gone;
  }

  #hear(): Promise<FromGradientProcess> {
    const message = new Promise<FromGradientProcess>((resolve, reject) => {
      this.#heard = { resolve, reject };
      if (this.#end) reject(this.#end);
    });
    message.catch(() => {}); // nobody may be waiting yet when the process dies
    return message;
  }

  /** A dead process is noticed by its end; the error of writing to it says nothing new. */
  #tell(message: ToGradientProcess): Promise<void> {
    return new Promise((resolve) => {
      this.#child.send(message, () => resolve());
    });
  }
}

const whereOf = ({ device }: GradientProcessOptions) => (device === 'cpu' ? 'on the processor' : `device ${device}`);
