#!/usr/bin/env bash
# usage: run.sh BUILD_FOLDER
# Installs the library that BUILD_FOLDER holds, then builds and runs the programs of this folder
# against the installed package.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
prefix=$build/installed
api=$build/api

# What the library was compiled with: sanitizers must be linked into its users too.
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }

rm -rf "$prefix" "$api"
cmake --install "$build" --prefix "$prefix" >/dev/null
cmake -S "$here" -B "$api" -G "$(cached CMAKE_GENERATOR)" \
  -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_BUILD_TYPE="$(cached CMAKE_BUILD_TYPE)" \
  -DCMAKE_CXX_COMPILER="$(cached CMAKE_CXX_COMPILER)" \
  -DCMAKE_CXX_FLAGS="$(cached CMAKE_CXX_FLAGS)" >/dev/null
cmake --build "$api" --parallel 2
ctest --test-dir "$api" --output-on-failure
