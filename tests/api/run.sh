#!/usr/bin/env bash
# usage: run.sh BUILD_FOLDER [shared]
# Installs the library that BUILD_FOLDER holds (or the shared one from the same objects), then
# builds and runs the programs of this folder against the installed package, found by CMake, and an
# example found by pkg-config.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "$1" && pwd)
kind=${2:-}
prefix=$build/installed$kind
api=$build/api$kind

# What the library was compiled with: sanitizers must be linked into its users too.
cached() { sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"; }
compiler=$(cached CMAKE_CXX_COMPILER)
flags=$(cached CMAKE_CXX_FLAGS)

rm -rf "$prefix" "$api"
if [ "$kind" = shared ]; then
  cmake --build "$build" --target nyala_shared >/dev/null
  for component in headers shared; do
    cmake --install "$build" --prefix "$prefix" --component "$component" >/dev/null
  done
else
  cmake --install "$build" --prefix "$prefix" >/dev/null
fi

# What the library shows is Nyala's, and nothing of its kernels. Vtables and typeinfo are of std's
# templates and of functions too, where they are of Nyala's types.
library=$(find "$prefix" -name 'libnyala.so' | head -n 1)
if [ -n "$library" ]; then
  names=$(nm -D --defined-only --format=posix "$library" | cut -d ' ' -f 1)
  printf '%s symbols are exported\n' "$(wc -l <<<"$names")"
  if grep -vE '^_Z((Z|T[A-Z]|Th[n0-9]+_|Tv[n0-9_]+|GV|GVZ)*NK?5nyala|T[ISV].*N5nyala)' <<<"$names" ||
    grep -E '5nyala(7kernels|6saving3hdf)|3hwy|6spdlog|8nlohmann' <<<"$names"; then
    printf 'libnyala.so exports the above, which is no part of the API\n' >&2
    exit 1
  fi
  readelf -d "$library" | grep -q 'SONAME.*libnyala\.so\.[0-9]'
fi

cmake -S "$here" -B "$api" -G "$(cached CMAKE_GENERATOR)" \
  -DCMAKE_PREFIX_PATH="$prefix" \
  -DCMAKE_BUILD_TYPE="$(cached CMAKE_BUILD_TYPE)" \
  -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_CXX_FLAGS="$flags" >/dev/null
cmake --build "$api" --parallel 2
ctest --test-dir "$api" --output-on-failure

if command -v pkg-config >/dev/null; then
  pc=$(dirname "$(find "$prefix" -name nyala.pc)")
  export PKG_CONFIG_PATH=$pc LD_LIBRARY_PATH=$(dirname "$pc")${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
  # The flags of pkg-config are words.
  # shellcheck disable=SC2046,SC2086
  "$compiler" -std=c++20 $flags "$here/../../examples/xor.cpp" -o "$api/example" \
    $(pkg-config --cflags --libs nyala)
  "$api/example" >/dev/null
fi
