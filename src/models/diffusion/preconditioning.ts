/**
 * Preconditioning with an input scale: Snap Video (arXiv 2402.14797), Sec. 3.1-3.2 and Table 1, over EDM (2206.00364).
 *
 *   x        clean video, x_sigma the noisy one      eps ~ N(0, I)
 *   s        noise level sigma                       sd   standard deviation of the data, sigma_data
 *   si       input scale sigma_in = side/64 * sqrt(T): averaging T * (side/64)^2 redundant pixels would raise the
 *            signal-to-noise ratio by its square, so the signal is lowered by as much before noise is added
 *
 *   forward    x_sigma = x / si + s * eps
 *   denoiser   D = c_skip * x_sigma + c_out * F(c_in * x_sigma, ...)
 *
 * What F is trained towards is + c_nrm * (sd^2 eps - s x). The paper's Table 1 prints it with the other sign; with this
 * c_out, which is negative, D would then return the noise's mirror image and not x. (Flipping both c_out and the target
 * is the same model.) At si = 1 all of this is EDM, at sd = 1 v-prediction.
 */
export interface Preconditioning {
  /** sigma_data. */
  sd: number;
  /** sigma_in. */
  si: number;
}

/** Videos are scaled to -1 ... 1; Snap Video takes their standard deviation as 1. */
export const sigmaData = 1;

/** sigma_in of a video: the base size is 64 pixels and one frame. */
export function inputScale(frames: number, side: number): number {
  return (side / 64) * Math.sqrt(frames);
}

export const cIn = ({ sd, si }: Preconditioning, s: number) => 1 / Math.sqrt((sd * sd) / (si * si) + s * s);

export const cSkip = ({ sd, si }: Preconditioning, s: number) => (si * sd * sd) / (si * s * s + sd * sd);

export const cOut = ({ sd, si }: Preconditioning, s: number) =>
  (-si * s * sd * Math.sqrt(s * s + sd * sd)) / (sd * sd + si * s * s);

/** Scale of the target of F, which is c_nrm * (sd^2 eps - s x). */
export const cNrm = ({ sd }: Preconditioning, s: number) => 1 / (sd * Math.sqrt(s * s + sd * sd));

/**
 * Weight of |F - target|^2: w = lambda * c_out^2, since D - x = c_out (F - target), where lambda = 1/sd^2 + 1/s^2 weighs
 * |D - x|^2 as in EDM: every noise level then counts alike at the start of training. 1 at si = 1.
 */
export const targetWeight = ({ sd, si }: Preconditioning, s: number) =>
  (s * s + sd * sd) ** 2 / (s * s + (sd * sd) / si) ** 2;
