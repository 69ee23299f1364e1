# Shared by quickstart, run-tests and .ci/run: finds or installs what the build needs.
# Sourced with bash, after `cd` to the top folder.

package_list=cmake/debian-packages.txt

# The lines of the named sections of the list, without comments.
sections() {
  awk -v wanted="$*" '
    BEGIN { count = split(wanted, names, " "); for (i = 1; i <= count; ++i) want["[" names[i] "]"] }
    /^\[/ { on = ($1 in want); next }
    on && NF && !/^#/' "$package_list"
}

say() { printf '%s\n' "$*"; }
fail() { printf '%s\n' "$*" >&2; exit 1; }

is_debian() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null
}

has_package() {
  dpkg-query -W -f '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

# Installs the packages of the named sections that are missing; asks no network when none is.
install_debian_packages() {
  local missing=() package check list
  list=$(sections "$@")
  while read -r package check; do
    has_package "$package" || missing+=("$package")
  done <<<"$list"
  if [ ${#missing[@]} -eq 0 ]; then
    say "Packages: all that is needed is installed."
    return
  fi

  local as_root=()
  say "Packages to install with apt-get: ${missing[*]}"
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null ||
      fail "There is no sudo here: as root, run: apt-get install ${missing[*]}"
    as_root=(sudo)
    say "You are not root: sudo is used for apt-get, and may ask for your password."
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive)
  "${as_root[@]}" apt-get update -q || say "apt-get update failed: going on with the lists there are."
  "${as_root[@]}" apt-get install -q -y --no-install-recommends "${missing[@]}" ||
    fail "apt-get could not install: ${missing[*]}"
}

# True when what stands behind `check` (see the list) is there.
is_there() {
  local kind=${1%%:*} name=${1#*:}
  case $kind in
    command) command -v "$name" >/dev/null ;;
    module) pkg-config --exists "$name" 2>/dev/null ;;
    header) c++ -E -include "$name" -x c++ /dev/null >/dev/null 2>&1 ;;
  esac
}

cmake_is_recent() {
  local version
  version=$(cmake --version 2>/dev/null | awk 'NR == 1 { print $3 }')
  [ -n "$version" ] && [ "$(printf '%s\n3.22\n' "$version" | sort -V | head -n 1)" = 3.22 ]
}

# Elsewhere than on Debian: names what is missing and ends.
require_tools() {
  local missing=() package check list
  list=$(sections "$@")
  while read -r package check; do
    is_there "$check" || missing+=("${check#*:} (${check%%:*}; Debian: $package)")
  done <<<"$list"
  command -v cmake >/dev/null && ! cmake_is_recent && missing+=("cmake 3.22 or newer")
  if [ ${#missing[@]} -gt 0 ]; then
    say "This is not Debian, so nothing is installed for you. Missing:" >&2
    printf '  %s\n' "${missing[@]}" >&2
    exit 1
  fi
}

# Makes sure that what the sections of the list name is on this machine.
prepare() {
  if is_debian; then install_debian_packages "$@"; else require_tools "$@"; fi
}

# ctest and cmake draw as many jobs as there are processors.
jobs=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
