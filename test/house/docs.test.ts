import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';

const top = join(import.meta.dirname, '../..');
const ours = /^(docs|examples|bench|infra|weights|\.github)\/.*\.md$|^[A-Z_]+\.md$/;
const pages = readdirSync(top, { recursive: true, encoding: 'utf8' })
  .filter((path) => !/(^|\/)(node_modules|dist|\.cache|\.vimi)\//.test(path))
  .filter((path) => ours.test(path));

/** The anchors that GitHub gives to the headings of a page. */
function anchorsOf(page: string): Set<string> {
  const headings = readFileSync(join(top, page), 'utf8').matchAll(/^#{1,6} +(.+)$/gm);
  return new Set(
    [...headings].map(([, text]) =>
      text!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

it('no link of the documentation leads nowhere', () => {
  expect(pages.length).toBeGreaterThan(30);
  const broken: string[] = [];
  for (const page of pages) {
    const text = readFileSync(join(top, page), 'utf8').replace(/```.*?```/gs, '');
    for (const [, path, anchor] of text.matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g)) {
      const target = path ? join(dirname(page), path) : page;
      if (!existsSync(join(top, target))) broken.push(`${page}: ${path}`);
      else if (anchor && target.endsWith('.md') && !anchorsOf(target).has(anchor)) broken.push(`${page}: #${anchor}`);
    }
    // Files that are named without a link.
    for (const [, path] of text.matchAll(/`((?:src|test|docs|infra|bench|examples)\/[\w./-]*\w)`/g))
      if (!existsSync(join(top, path!))) broken.push(`${page}: ${path}`);
  }
  expect(broken).toEqual([]);
});

it('files of the repository that texts of the code name are there', () => {
  const broken: string[] = [];
  for (const file of readdirSync(join(top, 'src'), { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const text = readFileSync(join(top, 'src', file), 'utf8');
    for (const [path] of text.matchAll(
      /(?<![\w/.])(?:docs|test|infra|bench)\/[\w/-]+(?:(?:\.[\w-]+)*\.(?:md|ts|mjs|json|svg|yaml))?/g,
    ))
      if (!existsSync(join(top, path))) broken.push(`src/${file}: ${path}`);
  }
  expect(broken).toEqual([]);
});

it('CONTRIBUTING says how many of the shown commands are not run (infra/docs-commands.mjs)', () => {
  const unrun = pages
    .filter((page) => /^(docs\/(?!site\/|reference\/)|README)/.test(page))
    .flatMap((page) => readFileSync(join(top, page), 'utf8').match(/^ *```\w+ no-run /gm) ?? []);
  expect(readFileSync(join(top, 'CONTRIBUTING.md'), 'utf8')).toContain(`\`\`: ${unrun.length} blocks |`);
});
