/** Particles that hang on a noun, by what the syllable before them ends in; the longest first. */
const particles = {
  consonant: ['이랑', '으로', '과', '은', '을', '이'],
  vowel: ['랑', '와', '는', '를', '가', '로'],
  any: ['에서', '에게', '까지', '부터', '처럼', '보다', '에', '의', '도', '만'],
};

/**
 * A Korean word as noun and particle: 여우가 is 여우 + 가; null where it can have none. Particles follow the sound before
 * them, so that 사과 (an apple) does not lose its end.
 */
export function withoutParticle(word: string): { base: string; particle: string } | null {
  for (const [after, list] of Object.entries(particles))
    for (const particle of list) {
      if (!word.endsWith(particle) || word.length === particle.length) continue;
      const base = word.slice(0, -particle.length);
      const code = base.charCodeAt(base.length - 1) - 0xac00;
      if (code < 0 || code >= 11172) continue;
      const ending = code % 28;
      // 로 follows ㄹ as well.
      const fits = after === 'any' || (after === 'consonant') === ending > 0 || (particle === '로' && ending === 8);
      if (fits) return { base, particle };
    }
  return null;
}
