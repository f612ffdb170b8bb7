/** Years 0 to 9999, for which ISO 8601 has four digits. */
const [earliest, latest] = [-62_167_219_200_000, 253_402_300_799_999];

/** When a record was written, as text. Whoever writes it may give any number: beyond these years it is the nearest in them. */
export function recordTime({ timestamp }: { timestamp: number }): string {
  return new Date(Math.min(Math.max(timestamp, earliest), latest)).toISOString();
}
