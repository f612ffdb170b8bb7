// Follows every link, image and anchor of the built site; exit code 1 when one leads nowhere.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';

const site = join(import.meta.dirname, 'dist');
const pages = readdirSync(site, { recursive: true, encoding: 'utf8' }).filter((path) => path.endsWith('.html'));
const html = new Map(pages.map((page) => [page, readFileSync(join(site, page), 'utf8')]));
const plainText = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#39;', "'");
const idsOf = (text) => new Set([...text.matchAll(/\sid="([^"]+)"/g)].map(([, id]) => plainText(id)));
const ids = new Map([...html].map(([page, text]) => [page, idsOf(text)]));

let followed = 0;
const dead = [];
for (const [page, text] of html) {
  if (page === '404.html') continue;
  for (const [, written] of text.matchAll(/\s(?:href|src)="([^"]*)"/g)) {
    const link = plainText(written);
    if (/^([a-z]+:|\/\/)/.test(link)) continue;
    followed++;
    const [path, anchor] = link.split('#');
    const plain = decodeURIComponent(path.split('?')[0]);
    let target =
      plain === ''
        ? page
        : relative(site, plain.startsWith('/') ? join(site, plain) : join(site, dirname(page), plain));
    if (existsSync(join(site, target)) && statSync(join(site, target)).isDirectory())
      target = join(target, 'index.html');
    if (!existsSync(join(site, target)) && existsSync(join(site, `${target}.html`))) target += '.html';
    if (!existsSync(join(site, target))) dead.push(`${page}: ${link}`);
    else if (anchor && !ids.get(target)?.has(decodeURIComponent(anchor))) dead.push(`${page}: ${link}: no such anchor`);
  }
}
for (const one of new Set(dead)) console.error(`dead: ${one}`);
console.log(`${pages.length} pages, ${followed} links, ${new Set(dead).size} of them dead`);
if (dead.length > 0 || followed < 1000) process.exitCode = 1;
