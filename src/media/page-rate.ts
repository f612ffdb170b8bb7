/**
 * Frames a second for an animation whose pages are shown so long (milliseconds): the mean where each page gets a frame of
 * its own by it, else as many as the shortest page needs. So no page is lost, however uneven they are.
 */
export function pageRate(delays: readonly number[]): number {
  const total = delays.reduce((sum, delay) => sum + delay, 0);
  const mean = (1000 * delays.length) / total;
  return losesNone(delays, mean) ? mean : 1000 / Math.min(...delays);
}

/** A frame stands for the moment in its middle. */
function losesNone(delays: readonly number[], rate: number): boolean {
  let end = 0;
  let frames = 0;
  return delays.every((delay) => {
    end += delay;
    const before = frames;
    frames = Math.max(0, Math.ceil((end * rate) / 1000 - 0.5));
    return frames > before;
  });
}
