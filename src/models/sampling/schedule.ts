/**
 * Noise levels of the sampler, falling from `max` to `min` and then 0: EDM eq. 5,
 * sigma_i = (max^(1/rho) + i/(n-1) (min^(1/rho) - max^(1/rho)))^rho. `n` levels before the 0, n >= 1.
 */
export function karrasSchedule(n: number, { min = 0.002, max = 80, rho = 7 } = {}): number[] {
  const from = max ** (1 / rho);
  const to = min ** (1 / rho);
  const levels = Array.from({ length: n }, (_, i) => (from + (n === 1 ? 0 : i / (n - 1)) * (to - from)) ** rho);
  return [...levels, 0];
}
