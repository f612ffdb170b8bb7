/**
 * Leaves out evaluations of the network whose result is nearly known, after TeaCache (Liu et al. 2024, arXiv 2411.19108): what an
 * evaluation would change is estimated, the estimates add up, and the last result stands in until they reach the threshold.
 *
 * TeaCache estimates the change from the network's input. Here it is the change between the last two results, D(x, sigma), since
 * `multistep` lays fresh noise over each step and the inputs have little in common (not from the paper).
 */
export class StepReuse {
  readonly #threshold: number;
  #last: Float64Array | undefined;
  /** Between the last two results, as a part of them. */
  #change: number | undefined;
  #sum = 0;

  /** 0: nothing is left out. */
  constructor(threshold: number) {
    this.#threshold = threshold;
  }

  /** What stands in for the next evaluation; undefined: it has to be made. */
  standIn(): Float64Array | undefined {
    if (!this.#last || this.#change === undefined) return undefined;
    this.#sum += this.#change;
    if (this.#sum < this.#threshold) return this.#last;
    return undefined;
  }

  /** An evaluation was made. */
  saw(result: Float64Array): void {
    this.#change = this.#last && relativeChange(this.#last, result);
    this.#last = result;
    this.#sum = 0;
  }
}

/** Mean absolute difference over the mean absolute value. */
function relativeChange(before: Float64Array, after: Float64Array): number {
  let [difference, size] = [0, 0];
  for (const [i, v] of before.entries()) {
    difference += Math.abs(after[i]! - v);
    size += Math.abs(v);
  }
  return size > 0 ? difference / size : Number.POSITIVE_INFINITY;
}
