const prefixes = ['', 'k', 'M', 'G', 'T', 'P', 'E', 'Z'];

/** Three digits and a prefix: 1234567, 'B' → "1.23 MB". */
export function scaled(value: number, unit: string): string {
  const power = value < 1 ? 0 : Math.min(prefixes.length - 1, Math.floor(Math.log10(value) / 3 + 1e-9));
  return `${(value / 1000 ** power).toPrecision(3)} ${prefixes[power]}${unit}`.trimEnd();
}
