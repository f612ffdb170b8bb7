/**
 * What stands before the prompt. true: the subject's own document. wrong: another subject's. none: nothing. live: what
 * retrieval finds in the corpus. missing: what it finds when the corpus does not have the subject's own document.
 */
export const conditions = ['true', 'wrong', 'none', 'live', 'missing'] as const;
export type Condition = (typeof conditions)[number];
