/** Where something is in an image that is 1 wide and 1 high, and how far it spreads (root of the variance). */
export interface Moments {
  x: number;
  y: number;
  spread: number;
}

/** Of the pixels [side, side] that belong; null when there are fewer than 8. */
export function momentsOf(side: number, belongs: (i: number) => boolean): Moments | null {
  let [n, x, y, squares] = [0, 0, 0, 0];
  for (let i = 0; i < side * side; i++)
    if (belongs(i)) {
      const [px, py] = [((i % side) + 0.5) / side, (Math.floor(i / side) + 0.5) / side];
      n++;
      x += px;
      y += py;
      squares += px * px + py * py;
    }
  if (n < 8) return null;
  const [mx, my] = [x / n, y / n];
  return { x: mx, y: my, spread: Math.sqrt(Math.max(1e-6, squares / n - mx * mx - my * my)) };
}
