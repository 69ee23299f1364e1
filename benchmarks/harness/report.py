"""RESULTS.md."""
import os
import platform
from datetime import date

from .programs import LOWER_BOUND, HERE


def cpu():
    with open("/proc/cpuinfo") as info:
        lines = [line.split(":", 1) for line in info if ":" in line]
    fields = {key.strip(): value.strip() for key, value in reversed(lines)}
    flags = fields.get("flags", "").split()
    widest = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "SSE")
    return (f"{fields.get('model name', platform.processor())} (family {fields.get('cpu family', '?')}, "
            f"model {fields.get('model', '?')}, {widest}), {os.cpu_count()} cores")


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def ratio(a, b):
    return "" if a is None or not b or b < 0 else f"{a / b:.2f}"


def competitors(row):
    return {name: us for name, us in row["peers"].items() if name != LOWER_BOUND}


def cells(row, columns):
    peers = competitors(row)
    best = min((us for us in peers.values() if us > 0), default=None)
    bound = row["peers"].get(LOWER_BOUND)
    own = row["nyala_us"]
    named = next((name for name, us in peers.items() if us == best), "")
    return [row["workload"], number(own), ratio(best, own), named, ratio(own, bound), number(bound),
            *(number(peers.get(name)) for name in columns)]


def table(rows):
    columns = sorted({name for row in rows for name in competitors(row)})
    head = ["workload", "nyala", "best peer / nyala", "best peer", f"nyala / {LOWER_BOUND}", LOWER_BOUND, *columns]
    lines = [head, ["---"] + ["---:"] * (len(head) - 1)] + [cells(row, columns) for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def roofline_table(rows):
    lines = ["| workload | share of peak | of |\n|---|---:|---|\n"]
    for row in rows:
        if row.get("roofline"):
            lines.append(f"| {row['workload']} | {row['roofline']['share']:.0%} | {row['roofline']['of']} |\n")
    return "".join(lines)


def memory_table(row):
    pairs = {"nyala": row["nyala_mib"], **row["peers_mib"]}
    return "| program | MiB |\n|---|---:|\n" + "".join(f"| {name} | {mib:.1f} |\n" for name, mib in pairs.items())


def text(rows, counts, versions, peaks, workloads):
    out = ["# Results\n\n", "Written by `benchmarks/run --results`; see README.md for how it measures.\n\n"]
    out.append(f"- Day: {date.today()}\n- CPU: {cpu()}\n- System: {platform.system()} {platform.release()}, "
               f"glibc {platform.libc_ver()[1]}\n- Versions: {'; '.join(versions)}\n")
    if "fma" in peaks:
        out.append(f"- Peak of one core: {1e6 / peaks['fma']:.0f} Gflop/s (a loop of fused multiply-adds)")
        triads = {float(key[6:]): us for key, us in peaks.items() if key.startswith("triad_")}
        out += [f", triad over {size / 1024:.0f} KiB {size / us / 1e3:.0f} GB/s" for size, us in sorted(triads.items())]
        out.append("\n")
    for threads in (1, 2):
        chosen = [row for row in rows if row["threads"] == threads]
        if chosen:
            out.append(f"\n## {'One core' if threads == 1 else 'Two cores'}\n\nMicroseconds a step.\n\n")
            out.append(table(chosen))
    shares = roofline_table(rows)
    if shares.count("\n") > 2:
        out.append("\n## Roofline\n\nThe share that a kernel reaches of the measured peak of one core: of its "
                   "arithmetic, or of a triad over as many bytes.\n\n" + shares)
    if counts:
        out.append("\n## Instructions\n\nA step (an op, for chains of ops) of Nyala, counted by callgrind, which "
                   "emulates a CPU with AVX2.\n\n| workload | instructions |\n|---|---:|\n")
        out += [f"| {row['workload']} | {row['instructions']:.0f} |\n" for row in counts]
    for row in rows:
        if "nyala_mib" in row:
            out.append("\n## Peak memory at the first prediction\n\n" + memory_table(row))
    out.append("\n## What the workloads are\n\n" + "".join(f"- {name}: {what}\n" for name, what in workloads))
    return "".join(out)


def write(rows, counts, versions, peaks, workloads):
    with open(os.path.join(HERE, "RESULTS.md"), "w") as out:
        out.write(text(rows, counts, versions, peaks, workloads))
