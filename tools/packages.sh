# SPDX-License-Identifier: LGPL-2.1-or-later
# Sourced by ./run and ./check: installs what packages.list names and this machine does not have.

# need_packages run|check: without root, prints the one line to run, and fails.
need_packages() {
  local want have missing=() name
  if ! command -v dpkg-query >/dev/null; then
    echo "Synoptic builds on Debian 12 or newer; elsewhere, install what packages.list names and run:" >&2
    echo "  SYNOPTIC_NO_PACKAGES=1 $0" >&2
    [ -n "${SYNOPTIC_NO_PACKAGES:-}" ]
    return
  fi
  [ -z "${SYNOPTIC_NO_PACKAGES:-}" ] || return 0
  want=$(awk -v kind="$1" '!/^#/ && NF && ($2 == "" || $2 == kind) { print $1 }' packages.list)
  have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 2>/dev/null | awk '$1 == "installed" { print $2 }' | sort -u)
  for name in $want; do
    grep -qx -- "$name" <<<"$have" || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    echo "These Debian packages are missing. Run this line, then $0 again:" >&2
    echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
    return 1
  fi
  echo "Installing: ${missing[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  # A fresh machine has no package lists yet, a stale one wrong versions: refresh them and try once more.
  apt-get install -y -q --no-install-recommends "${missing[@]}" >/dev/null 2>&1 ||
    { apt-get update -q >&2 && apt-get install -y -q --no-install-recommends "${missing[@]}" >&2; }
}

# configure DIR OPTION...: sets up or reconfigures a build folder.
configure() {
  local dir=$1
  shift
  if [ -f "$dir/build.ninja" ]; then
    [ $# -gt 0 ] || return 0 # without options it would print them all, which takes its time
    meson configure "$dir" "$@" >/dev/null
  else
    meson setup "$dir" "$@" >"$dir.log" 2>&1 || { cat "$dir.log" >&2; rm -f "$dir.log"; return 1; }
    rm -f "$dir.log"
  fi
}
