#!/usr/bin/env bash
# usage: umbrella_cost.sh COMPILER INCLUDE_FOLDER...
# What `#include <nyala/nyala.hpp>` costs a program to compile, in what does not depend on how busy
# the machine is: the lines that the preprocessor gives, and what g++ allocates for them (its own
# count, near the peak of its memory). Templates that every program instantiates show in the latter.
set -euo pipefail
compiler=$1
shift
kMostLines=104000      # 101100 when this was written
kMostMegabytes=250     # 246; json.hpp alone takes 226

source=$(mktemp --suffix=.cpp)
trap 'rm -f "$source"' EXIT
printf '#include <nyala/nyala.hpp>\n' >"$source"
options=(-std=c++20 -O2)
for folder in "$@"; do options+=(-I "$folder"); done

lines=$("$compiler" "${options[@]}" -E "$source" | wc -l)
report=$("$compiler" "${options[@]}" -ftime-report -c "$source" -o /dev/null 2>&1)
megabytes=$(awk '$1 == "TOTAL" { print int($NF) }' <<<"$report")
printf '%s lines, %s MB\n' "$lines" "$megabytes"
[ "$lines" -le "$kMostLines" ] && [ "$megabytes" -le "$kMostMegabytes" ]
