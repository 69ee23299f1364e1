#!/usr/bin/env bash
# usage: includes_test.sh SOURCE_FOLDER
# Includes point downward only (core <- autograd <- layers <- models), and what users include reaches
# no header of another library and none of the kernels, which are not installed (nor are the
# support.hpp that the files of one folder share).
set -euo pipefail
cd "$1"
bad=0

complain() {
  printf '%s\n' "$1"
  bad=1
}

# Lines of `#include` in the files of a component that match a pattern and not another.
component_sees() {
  local component=$1 allowed=$2 found
  found=$(grep -rnE '^ *# *include *[<"]nyala/' "$component" --include='*.[ch]pp' --include='*.def' |
    grep -vE "[<\"]nyala/($allowed)/" || true)
  [ -z "$found" ] || complain "$component includes upwards:
$found"
}

component_sees core 'core'
component_sees autograd 'core|autograd'
component_sees layers 'core|autograd|layers'
# The umbrella lies in models and is the one header without a component's folder.
component_sees models 'core|autograd|layers|models'

headers=$(find core autograd layers models -name '*.hpp' -not -path 'core/kernels/*' -not -name support.hpp)
found=$(grep -nE '^ *# *include *[<"](nlohmann|spdlog|fmt|cblas|openblas|lapacke?|hwy|zip\.h|nyala/core/kernels|nyala/.*/support\.hpp)' \
  $headers | grep -v 'nlohmann/json_fwd\.hpp' || true)
[ -z "$found" ] || complain "public headers reach what users do not have:
$found"

found=$(grep -rnE '^ *# *include *"' core autograd layers models --include='*.[ch]pp' || true)
[ -z "$found" ] || complain "includes by relative path:
$found"

# Compiled programs know traits of ops, no names of ops or of their options.
names=$(grep -rhoE '(string_view name = |Field\{)"[a-z0-9_]+"' core/ops | grep -oE '"[a-z0-9_]+"' | sort -u)
names="$names
$(grep -hoE '^(UNARY|BINARY)\([A-Za-z0-9]+, *"?[a-z0-9_]+' core/elementwise.def | sed -E 's/.*, *"?([a-z0-9_]+)$/"\1"/')"
[ "$(printf '%s\n' "$names" | wc -l)" -gt 100 ] || complain "no names of ops found"
found=$(grep -rnF "$names" autograd/graph || true)
[ -z "$found" ] || complain "autograd/graph knows ops or options by name:
$found"

# What the umbrella reaches is what a shared library exports.
reached=models/nyala.hpp
queue=$reached
while [ -n "$queue" ]; do
  found=$(grep -hoE '^ *# *include *<nyala/[^>]*\.hpp>' $queue | sed 's/.*<nyala\///; s/>//' | sort -u)
  queue=$(comm -23 <(printf '%s\n' "$found") <(printf '%s\n' "$reached" | sort -u))
  reached=$(printf '%s\n%s\n' "$reached" "$queue" | sed '/^$/d' | sort -u)
done
for header in $reached; do
  if grep -q '^namespace' "$header"; then
    [ "$(grep -c '^#pragma GCC visibility \(push(default)\|pop\)$' "$header")" = 2 ] ||
      complain "$header declares API without #pragma GCC visibility push(default) ... pop"
  fi
done

[ -n "$headers" ] || complain "no headers found"
printf '%s headers checked\n' "$(printf '%s\n' "$headers" | wc -l)"
exit $bad
