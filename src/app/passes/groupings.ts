export const groupings = ['source', 'licence', 'subject', 'noun'] as const;
export type Grouping = (typeof groupings)[number];
