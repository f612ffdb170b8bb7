import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitepress';
import { anchorOf } from '../anchors.mjs';

const here = import.meta.dirname;
const { version } = JSON.parse(readFileSync(join(here, '../../../package.json'), 'utf8'));
/** Written by stage.mjs, out of docs/README.md. */
const sidebar = JSON.parse(readFileSync(join(here, '../.cache/sidebar.json'), 'utf8'));

export default defineConfig({
  title: 'vimi',
  description: 'Grounded video generation as a stream',
  lang: 'en',
  head: [['link', { rel: 'icon', href: '/web/icon.svg' }]],
  srcDir: '.cache/pages',
  outDir: 'dist',
  cacheDir: '.cache/vite',
  lastUpdated: false,
  // check-links.mjs looks at what was built: at every link, anchor and file.
  ignoreDeadLinks: true,
  markdown: {
    html: false,
    anchor: { slugify: anchorOf },
    config(markdown) {
      // Vue would take it for a place to fill in.
      const { text, fence } = markdown.renderer.rules;
      markdown.renderer.rules.text = (...all) => text(...all).replaceAll('{{', '&#123;&#123;');
      markdown.renderer.rules.fence = (tokens, index, ...rest) => {
        const token = tokens[index];
        if (token.info === 'mermaid')
          return `<Diagram source="${encodeURIComponent(token.content).replaceAll("'", '%27')}" />`;
        // What a block is for stands behind its language (infra/docs-commands.mjs); and no colours are known for promql.
        token.info = token.info.replace(/ .*/, '').replace('promql', 'txt');
        return fence(tokens, index, ...rest);
      };
    },
  },
  themeConfig: {
    nav: [
      { text: 'Start', link: '/docs/start' },
      { text: 'Guides', link: '/docs/#guides-do-this' },
      { text: 'Concepts', link: '/docs/#concepts-why-it-is-so' },
      { text: 'Reference', link: '/docs/#reference-generated-from-the-code' },
      {
        text: version,
        items: [
          { text: 'Changes', link: '/CHANGELOG' },
          { text: 'Security', link: '/SECURITY' },
          { text: 'Contributing', link: '/CONTRIBUTING' },
        ],
      },
    ],
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
  },
});
