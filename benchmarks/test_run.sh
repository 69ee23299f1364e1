#!/usr/bin/env bash
# benchmarks/run lists its workloads and writes rows of the documented form. No figure is judged.
set -euo pipefail
binaries=$1
run="$(dirname "$0")/run"
out=$(mktemp)
trap 'rm -f "$out"' EXIT

help=$(python3 "$run" --binaries "$binaries" --help)
for name in dot_tiny mnist_mlp_small gemm_64 startup; do
  grep -q "^  $name: " <<<"$help" || { echo "--help does not list $name"; exit 1; }
done
python3 "$run" --binaries "$binaries" --quick --peers none --only dot_tiny --json "$out"
python3 - "$out" <<'CHECK'
import json, sys
rows = json.load(open(sys.argv[1]))
assert [row["workload"] for row in rows] == ["dot_tiny"], rows
assert rows[0]["threads"] == 1 and rows[0]["peers"] == {} and rows[0]["nyala_us"] > 0, rows
CHECK
if python3 "$run" --binaries "$binaries" --peers none --only nothing 2>/dev/null; then
  echo "an unknown workload is accepted"
  exit 1
fi
