"""Instructions a step, counted by callgrind: they do not depend on how busy the machine is."""
import os
import re
import shutil
import subprocess
import sys

from .programs import environment


def _count(program, workload, steps):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, "--steps", workload,
               str(steps)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(1), check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def instruction_counts(binaries, workloads, names):
    """Rows of instructions a step (an op, for chains of ops): the difference of a long and a short run."""
    if not shutil.which("valgrind"):
        sys.exit("benchmarks/run: --callgrind needs valgrind")
    program = os.path.join(binaries, "nyala_bench")
    rows = []
    for name in names:
        if "overhead" not in workloads[name]["tags"]:
            continue
        few, many = (20, 120) if workloads[name]["units"] == 1 else (2, 6)
        count = (_count(program, name, many) - _count(program, name, few)) / (many - few) / workloads[name]["units"]
        rows.append({"workload": name, "instructions": count})
        print(f"{name:28} {count:12.1f} instructions", flush=True)
    return rows
