/**
 * The name of a sample, and of its members before the dot: it follows from the place of its event, so it is known before
 * there is a shard. Without dots: WebDataset takes what follows the first for the member's kind.
 */
export function sampleName(
  { topic, partition, offset }: { topic: string; partition: number; offset: number },
  part: string,
): string {
  return [topic, partition, String(offset).padStart(12, '0'), part || '0'].join('-').replaceAll('.', '_');
}
