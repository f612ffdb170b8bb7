# Programs that are built once by Go into ~/.cache/vimi/tools ($VIMI_TOOLS names another folder); for `source`.
tools=${VIMI_TOOLS:-$HOME/.cache/vimi/tools}

# go_tool NAME MODULE@VERSION: $tools/NAME, of that version
go_tool() {
  local version=${2##*@}
  go version -m "$tools/$1" 2>/dev/null | grep -qE "^\smod\s.*\s${version//./\\.}\s" && return
  echo "building $1 $version, once" >&2
  GOBIN="$tools" go install "$2"
}
