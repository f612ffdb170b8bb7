/*
 * The address of one member of a tar: `tar:PATH#HEADER/NAME`, where HEADER is the place of the member's header, so that
 * nobody has to look through the tar for it. `#` and `%` in the path are written %23 and %25.
 */

export interface TarAddress {
  /** Of the tar. */
  path: string;
  header: number;
  name: string;
}

export function tarAddress({ path, header, name }: TarAddress): string {
  return `tar:${path.replaceAll('%', '%25').replaceAll('#', '%23')}#${header}/${name}`;
}

/** Null: it is no such address. */
export function parseTarAddress(uri: string): TarAddress | null {
  const [, path, header, name] = /^tar:([^#]+)#(\d{1,15})\/(.+)$/s.exec(uri) ?? [];
  if (path === undefined || name === undefined) return null;
  return { path: path.replaceAll('%23', '#').replaceAll('%25', '%'), header: Number(header), name };
}
