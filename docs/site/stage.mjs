// Copies the pages of the repository, and every file that they name, to where VitePress reads them (.cache/pages): each at its
// place in the repository, so that links between them hold. A README.md becomes the index.md of its folder.
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, normalize, relative, resolve } from 'node:path';

const here = import.meta.dirname;
const top = resolve(here, '../..');
const pages = join(here, '.cache/pages');
const fences = /(^ *```[^\n]*\n.*?^ *```)/ms;
/** Commands that are run and not shown: infra/docs-commands.mjs. */
const unseen = /^ *<!-- sh(?: [^\n]*)?\n.*?^ *-->\n/gms;
const links = /(\]\()(?![a-z]+:|#)([^)#\s]+)/g;

const isPage = (path) => path.endsWith('.md');
const isOfSite = (path) => /^docs\/site\//.test(path);
const asIndex = (path) => path.replace(/(^|\/)README\.md$/, '$1index.md');

rmSync(pages, { recursive: true, force: true });
const waiting = [
  ...readdirSync(top).filter(isPage),
  ...readdirSync(join(top, 'docs'), { recursive: true, encoding: 'utf8' })
    .map((path) => `docs/${path}`)
    .filter((path) => isPage(path) && !isOfSite(path)),
];
const done = new Set();

function write(path, text) {
  mkdirSync(dirname(join(pages, path)), { recursive: true });
  writeFileSync(join(pages, path), text);
}

/**
 * A file that a page names: beside the pages for images, and for whoever follows the link. Gives what its name has on the site
 * besides: browsers show what ends with .txt, and would store much else.
 */
function take(path) {
  const end = /\.(png|svg|json)$/.test(path) ? '' : '.txt';
  for (const to of [join(pages, path), join(pages, 'public', path + end)]) {
    mkdirSync(dirname(to), { recursive: true });
    copyFileSync(join(top, path), to);
  }
  return end;
}

for (const page of waiting) {
  if (done.has(page)) continue;
  done.add(page);
  const text = readFileSync(join(top, page), 'utf8')
    .replace(unseen, '')
    .split(fences)
    .map((part, n) => (n % 2 === 1 ? part : part.replace(links, (_, before, target) => before + placed(page, target))))
    .join('');
  write(asIndex(page), text);
}

/** What stands for a target on the site; takes it along. */
function placed(page, target) {
  const path = normalize(join(dirname(page), target)).replace(/\/$/, '');
  if (!existsSync(join(top, path))) throw new Error(`${page}: ${target} is not there`);
  if (statSync(join(top, path)).isDirectory()) {
    const names = readdirSync(join(top, path)).filter((name) => statSync(join(top, path, name)).isFile());
    if (names.includes('README.md')) waiting.push(join(path, 'README.md'));
    else {
      const index = join(path, 'index.md');
      if (!existsSync(join(pages, index))) {
        const entries = names.map((name) => `- [${name}](${name}${take(join(path, name))})`);
        write(index, `# ${path}\n\n${entries.join('\n')}\n`);
      }
    }
    return `${relative(dirname(page), path) || '.'}/index.md`;
  }
  if (!isPage(path)) return target + take(path);
  waiting.push(path);
  return asIndex(target);
}

take('web/icon.svg');

// The order of docs/README.md is that of the navigation: sections, and in each the pages that it names.
const sections = readFileSync(join(top, 'docs/README.md'), 'utf8').split(/^## /m).slice(1);
const sidebar = sections.map((section) => {
  const [title] = section.split(/[:\n]/);
  const items = [...section.matchAll(/\[([^\]]+)\]\(([^)#]+\.md)\)/g)].map(([, text, path]) => ({
    text,
    link: `/${asIndex(normalize(join('docs', path))).replace(/(index)?\.md$/, '')}`,
    ...(path === 'reference/operators/README.md' && { collapsed: true, items: operators() }),
  }));
  return { text: title, collapsed: title === 'Internals', items };
});
writeFileSync(
  join(here, '.cache/sidebar.json'),
  JSON.stringify([
    {
      text: 'Start',
      items: [
        { text: 'What vimi is', link: '/' },
        { text: 'Start', link: '/docs/start' },
        { text: 'All pages', link: '/docs/' },
      ],
    },
    ...sidebar,
  ]),
);
const listed = new Set(JSON.stringify(sidebar).match(/\/docs\/[\w/-]+/g));
const unlisted = [...done]
  .filter((page) => /^docs\/(guides|concepts|internals|tutorials)\//.test(page))
  .filter((page) => !listed.has(`/${page.replace(/\.md$/, '')}`));
if (unlisted.length > 0) throw new Error(`docs/README.md does not name ${unlisted.join(', ')}`);
console.log(`${done.size} pages`);

function operators() {
  return readdirSync(join(top, 'docs/reference/operators'))
    .filter((name) => name !== 'README.md')
    .map((name) => ({ text: name.replace('.md', ''), link: `/docs/reference/operators/${name.replace('.md', '')}` }));
}
