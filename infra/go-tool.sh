# For `source`. Programs that are built once by Go into ~/.cache/vimi/tools ($VIMI_TOOLS names another folder), and an end that is never
# silent: a program that is killed, while it is built for example, says nothing itself.
tools=${VIMI_TOOLS:-$HOME/.cache/vimi/tools}

# ended STATUS LINE COMMAND: which command ended the script, and which signal the command, if one did
ended() {
  local how="ended with $1"
  [ "$1" -le 128 ] || how="was killed by SIG$(kill -l $(($1 - 128)) 2>/dev/null || echo "$1")"
  echo "$(basename "$0" .sh): line $2: $3 $how" >&2
}
set -E
trap 'ended $? "$LINENO" "$BASH_COMMAND"' ERR

# go_tool NAME MODULE@VERSION: $tools/NAME, of that version. Built beside its place: nobody ever finds half of it.
go_tool() {
  local version=${2##*@} built built_of
  built_of=$(go version -m "$tools/$1" 2>/dev/null) || true
  if grep -qE "^\smod\s.*\s${version//./\\.}\s" <<<"$built_of"; then return; fi
  echo "building $1 $version, once" >&2
  mkdir -p "$tools"
  built=$(mktemp -d "$tools/building-XXXXXX")
  GOBIN="$built" go install "$2" || {
    ended $? "$LINENO" "go install $2"
    rm -rf "$built"
    exit 1
  }
  mv "$built/$1" "$tools/$1"
  rmdir "$built"
}
