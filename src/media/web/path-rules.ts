/*
 * Patterns of paths, as robots.txt (RFC 9309, 2.2.2 and 2.2.3) and tdmrep.json have them: `*` is any text, `$` at the end
 * the end of the path, and the longest pattern that matches counts.
 */

/** A path with its query, percent-encoded in one way. */
export function comparablePath(text: string): string {
  return text
    .replace(/%[0-9a-f]{2}/gi, (code) => {
      const letter = String.fromCharCode(Number.parseInt(code.slice(1), 16));
      return /[A-Za-z0-9._~-]/.test(letter) ? letter : code.toUpperCase();
    })
    .replace(/[^\x21-\x7e]/gu, (letter) => {
      try {
        return encodeURIComponent(letter);
      } catch {
        return '%EF%BF%BD';
      }
    });
}

/** Without going back: each piece is looked for behind the one before, which finds a match where there is one. */
function matchesPath(pattern: string, path: string): boolean {
  const isWhole = pattern.endsWith('$');
  const [first = '', ...pieces] = comparablePath(isWhole ? pattern.slice(0, -1) : pattern).split('*');
  if (!path.startsWith(first)) return false;
  let at = first.length;
  const last = isWhole ? pieces.pop() : undefined;
  for (const piece of pieces) {
    const found = path.indexOf(piece, at);
    if (found === -1) return false;
    at = found + piece.length;
  }
  if (!isWhole) return true;
  if (last === undefined) return at === path.length;
  return path.length - last.length >= at && path.endsWith(last);
}

/** The rule with the longest pattern that matches; of equally long ones the first. */
export function longestMatch<R extends { pattern: string }>(rules: readonly R[], path: string): R | undefined {
  let best: R | undefined;
  for (const rule of rules)
    if ((best === undefined || rule.pattern.length > best.pattern.length) && matchesPath(rule.pattern, path))
      best = rule;
  return best;
}
