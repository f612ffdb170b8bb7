#!/usr/bin/env bash
# The path of somebody who writes an operator outside of this repository: the package as npm packs it, in an empty folder.
#   infra/check-package.sh            needs what is built (npm run build)
# Of node_modules only what package.json says is installed there: `dependencies`, and for the compiler the two packages that
# `vimi init` asks for. They are links to the repository's own, so that nothing is compiled again; the package's files and
# `exports` are those of the tarball.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
say() { printf '  %s\n' "$1"; }
fail() { echo "check-package: $1" >&2 && exit 1; }

tarball=$folder/$(npm pack --ignore-scripts --silent --pack-destination "$folder")
npx publint --strict "$tarball" | tail -1

modules=$folder/node_modules
mkdir -p "$modules/vimi" "$modules/.bin" "$modules/@types"
tar -xzf "$tarball" -C "$modules/vimi" --strip-components 1
node -e '
  const { dependencies } = require("./package.json");
  for (const name of [...Object.keys(dependencies), "typescript", "@types/node"]) console.log(name);
' | while read -r name; do
  mkdir -p "$(dirname "$modules/$name")"
  ln -s "$root/node_modules/$name" "$modules/$name"
done
ln -s ../vimi/dist/cli/vimi.js "$modules/.bin/vimi"
ln -s ../typescript/bin/tsc "$modules/.bin/tsc"
export PATH="$modules/.bin:$PATH"

# The schemas of events, by name.
(cd "$folder" && node --input-type=module -e '
  import schema from "vimi/schemas/generation.requested.json" with { type: "json" };
  if (schema.type !== "object") throw new Error("no schema");
')
say 'vimi/schemas/*.json'

# The page, whole.
for file in web/*.{html,css,js,svg}; do cmp "$file" "$modules/vimi/$file" || fail "$file"; done
say 'web'

for language in javascript typescript; do
  project=$folder/$language
  vimi init "$project" $([ "$language" = typescript ] && echo --typescript) >/dev/null
  cd "$project"
  # From an installed package a project asks for its version; from a clone, for its folder (test/cli/init.test.ts).
  node -e '
    const { dependencies } = require("./package.json");
    if (dependencies.vimi !== "^" + require("../node_modules/vimi/package.json").version) throw new Error(dependencies.vimi);
  ' || fail "$language: the version of vimi"
  # What npm would install is one folder up; the project asks for nothing else.
  node -e '
    const { dependencies, devDependencies } = require("./package.json");
    for (const name of Object.keys({ ...dependencies, ...devDependencies }))
      if (!require("node:fs").existsSync(`../node_modules/${name}`)) throw new Error(`${name} is not installed`);
  '
  npm test --silent >"$folder/test.log" 2>&1 || { cat "$folder/test.log" && fail "$language: npm test"; }
  grep -qE '^# pass [1-9]|^ℹ pass [1-9]' "$folder/test.log" || { cat "$folder/test.log" && fail "$language: no test ran"; }
  # The types of the package hold without leave for mistakes in libraries.
  tsc --noEmit --skipLibCheck false || fail "$language: types"

  # A word is refused, another request answered. The model `fake` draws at once.
  sed -i 's/with: { words: \[\] }/with: { words: [dragon] }/; s/model: nano, upsampler: nano-upsampler/model: fake/' topology.yaml
  vimi validate >/dev/null
  vimi test >"$folder/topology.log" 2>&1 || { cat "$folder/topology.log" && fail "$language: vimi test"; }
  vimi docs "./operators/refuse-words.${language:0:1}s" | grep -q WORD_REFUSED
  printf '%s\n' '{"prompt": "a fox moves left"}' '{"prompt": "A Dragon moves left"}' | vimi publish requests >/dev/null
  vimi run --drain --pipeline generate >"$folder/run.log" 2>&1 || { cat "$folder/run.log" && fail "$language: run"; }
  vimi rejects list --json >rejects.json
  grep -q '"code":"WORD_REFUSED"' rejects.json && grep -q '"step":"refuse-words"' rejects.json ||
    { cat "$folder/run.log" rejects.json && fail "$language: the operator refused nothing"; }
  [ "$(vimi read videos --json | wc -l)" = 1 ] || fail "$language: expected one video"
  say "$language: types, contract, a request answered and one refused by the operator"
  cd "$root"
done
