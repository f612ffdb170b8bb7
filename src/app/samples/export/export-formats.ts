/** What `vimi samples export` writes. */
export const exportFormats = ['parquet', 'lance', 'croissant'] as const;
export type ExportFormat = (typeof exportFormats)[number];
