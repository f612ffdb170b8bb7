/**
 * What stands before the prompt. true: the subject's own document. wrong: another subject's. none: nothing. live: what
 * retrieval finds in the corpus.
 */
export const conditions = ['true', 'wrong', 'none', 'live'] as const;
export type Condition = (typeof conditions)[number];
