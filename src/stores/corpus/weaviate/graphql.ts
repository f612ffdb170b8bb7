/*
 * Queries as text. Values are written as JSON, which GraphQL reads as they are meant: nothing that a user wrote can
 * become a part of a query.
 */

export type Condition =
  | { path: string; is: 'Equal' | 'NotEqual' | 'GreaterThan' | 'LessThan'; text: string }
  | { path: string; is: 'ContainsAny'; texts: readonly string[] }
  | { path: string; is: 'Equal'; flag: boolean };

export interface GetQuery {
  collection: string;
  where?: readonly Condition[];
  /** Its words are looked for in `properties` (name^boost). */
  bm25?: { words: readonly string[]; properties: readonly string[] };
  near?: { vector: readonly number[]; target: string };
  sort?: string;
  after?: string;
  limit: number;
  /** What to give of each, as GraphQL. */
  fields: string;
}

export function getQuery({ collection, where = [], bm25, near, sort, after, limit, fields }: GetQuery): string {
  const parts = [
    `limit: ${limit}`,
    where.length > 0 && `where: ${whereOf(where)}`,
    bm25 && `bm25: {query: ${text(bm25.words.join(' '))}, properties: ${texts(bm25.properties)}}`,
    near && `nearVector: {vector: [${near.vector.map(number).join(',')}], targetVectors: [${text(near.target)}]}`,
    sort && `sort: [{path: [${text(sort)}], order: asc}]`,
    after !== undefined && `after: ${text(after)}`,
  ].filter(Boolean);
  return `{ Get { ${collection}(${parts.join(', ')}) { ${fields} } } }`;
}

/** All of them together. */
function whereOf(conditions: readonly Condition[]): string {
  const each = conditions.map(conditionOf);
  return each.length === 1 ? each[0]! : `{operator: And, operands: [${each.join(', ')}]}`;
}

function conditionOf(condition: Condition): string {
  const { path, is } = condition;
  const value =
    'text' in condition
      ? `valueText: ${text(condition.text)}`
      : 'texts' in condition
        ? `valueText: ${texts(condition.texts)}`
        : `valueBoolean: ${condition.flag}`;
  return `{path: [${text(path)}], operator: ${is}, ${value}}`;
}

const text = (value: string) => JSON.stringify(value.toWellFormed());
const texts = (values: readonly string[]) => `[${values.map(text).join(',')}]`;

/** The shortest writing that is the same number in 32 bits. */
function number(value: number): string {
  return String(Number(Math.fround(value).toPrecision(9)));
}
