#!/usr/bin/env bash
# The documentation as a site, in docs/site/dist: navigation, search, light and dark. Fails on a link, an image or an anchor that
# leads nowhere, and on a page that docs/README.md does not name.
#   infra/docs-site.sh                what npm run docs:build does
#   npx serve docs/site/dist          shows it; any server of files does
# VitePress and mermaid have a lock file of their own (docs/site), so that `npm ci` of the repository stays as it is: 230 MB, fetched
# once. After that nothing is fetched.
set -euo pipefail
cd "$(dirname "$0")/../docs/site"

# What is installed is complete when the lock file that it was made from lies in it.
if ! cmp -s package-lock.json node_modules/.made-from; then
  npm ci --no-audit --no-fund
  cp package-lock.json node_modules/.made-from
fi
node stage.mjs
node_modules/.bin/vitepress build --logLevel warn
node check-links.mjs
