import type { Clock } from '../../core/clock.js';
import { asVimiError } from '../../core/errors.js';
import type { Denoiser, GenerateCalls, Generated, GenerateInput } from '../ports.js';

/** One that cannot be started is left alone for so long while others can. */
const leftAloneMs = 60_000;

interface Member {
  denoiser: Denoiser;
  /** Jobs that it has, those that have little left left out. */
  open: number;
  awayUntil: number;
}

/**
 * Several processes of one model as one, each on a device of its own: a job goes to the one that has the most room. When one dies,
 * its jobs are made again as always, while the others go on; when one cannot be started, the others make its jobs.
 */
export class DenoiserPool implements Denoiser {
  readonly #members: Member[];
  readonly #clock: Pick<Clock, 'elapsed'>;

  /** At least one. */
  constructor(denoisers: readonly Denoiser[], clock: Pick<Clock, 'elapsed'>) {
    this.#members = denoisers.map((denoiser) => ({ denoiser, open: 0, awayUntil: 0 }));
    this.#clock = clock;
  }

  describe() {
    return this.#members[0]!.denoiser.describe();
  }

  /** Of all processes together, those that are away left out; what is asked for is shared out among them. */
  atOnce(asked?: number): number {
    const there = this.#there;
    const each = asked === undefined ? undefined : Math.ceil(asked / this.#members.length);
    const all = there.reduce((sum, { denoiser }) => sum + (denoiser.atOnce?.(each) ?? each ?? 1), 0);
    return Math.min(all, asked ?? all);
  }

  measure(): void {
    for (const { denoiser } of this.#members) denoiser.measure?.();
  }

  async generate(input: GenerateInput, calls: GenerateCalls): Promise<Generated> {
    const tried = new Set<Member>();
    for (;;) {
      const member = this.#choose(tried);
      tried.add(member);
      try {
        return await this.#on(member, input, calls);
      } catch (thrown) {
        // It is not the job that is wrong: another process may be better off.
        if (asVimiError(thrown).fault !== 'surroundings') throw thrown;
        member.awayUntil = this.#clock.elapsed() + leftAloneMs;
        if (tried.size === this.#members.length) throw thrown;
      }
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ denoiser }) => denoiser.close()));
  }

  /** Those that can be asked; all, when none can. */
  get #there(): Member[] {
    const now = this.#clock.elapsed();
    const there = this.#members.filter(({ awayUntil }) => awayUntil <= now);
    return there.length > 0 ? there : this.#members;
  }

  #choose(tried: ReadonlySet<Member>): Member {
    const left = (members: Member[]) => members.filter((member) => !tried.has(member));
    const there = left(this.#there);
    const choice = there.length > 0 ? there : left(this.#members);
    return choice.reduce((best, one) => (one.open < best.open ? one : best));
  }

  async #on(member: Member, input: GenerateInput, calls: GenerateCalls): Promise<Generated> {
    member.open++;
    let isOpen = true;
    const leave = () => {
      if (isOpen) member.open--;
      isOpen = false;
    };
    try {
      return await member.denoiser.generate(input, {
        ...calls,
        onLast() {
          leave();
          calls.onLast?.();
        },
      });
    } finally {
      leave();
    }
  }
}
