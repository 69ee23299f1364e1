#!/usr/bin/env bash
# usage: run.sh FILE COMPILER FLAGS...
# FILE must compile with FIXED defined, and must not without; what it says of the mistake must match
# the pattern after `// wanted:` in the file.
set -euo pipefail
file=$1
shift
wanted=$(sed -n 's|^// wanted: ||p' "$file")
[ -n "$wanted" ] || { echo "$file: has no line that begins with '// wanted: '"; exit 1; }

if ! "$@" -fsyntax-only -DFIXED "$file"; then
  echo "$file: does not compile even without the mistake"
  exit 1
fi
if message=$("$@" -fsyntax-only "$file" 2>&1); then
  echo "$file: compiles with the mistake in it"
  exit 1
fi
if ! grep -qE -e "$wanted" <<<"$message"; then
  printf '%s: is refused, but for another reason than /%s/:\n%s\n' "$file" "$wanted" "$message"
  exit 1
fi
