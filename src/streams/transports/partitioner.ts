/**
 * The partition of a record. With a key it follows from the key alone, by the same hash as Kafka's default partitioner
 * (murmur2), so that the embedded log and a Kafka cluster put a key into the same partition. Without a key: in turn, from
 * any one on, for many publish one record and end.
 */
export function createPartitioner(random = Math.random): (key: Buffer | null, partitions: number) => number {
  let turn = Math.floor(random() * 2 ** 31);
  return (key, partitions) => {
    if (key === null) return turn++ % partitions;
    return (murmur2(key) & 0x7fffffff) % partitions;
  };
}

/** MurmurHash2, 32 bits, with Kafka's seed; a signed integer as in Java. */
export function murmur2(data: Uint8Array): number {
  const m = 0x5bd1e995;
  let h = 0x9747b28c ^ data.length;
  const blocks = data.length >> 2;
  for (let block = 0; block < blocks; block++) {
    const i = block * 4;
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    k = Math.imul(k, m);
    k ^= k >>> 24;
    k = Math.imul(k, m);
    h = Math.imul(h, m) ^ k;
  }
  const tail = blocks * 4;
  const rest = data.length & 3;
  if (rest === 3) h ^= data[tail + 2]! << 16;
  if (rest >= 2) h ^= data[tail + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[tail]!, m);
  h ^= h >>> 13;
  h = Math.imul(h, m);
  return h ^ (h >>> 15);
}
