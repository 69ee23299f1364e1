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


def growth_table(rows):
    """A row for each size: a step, and a step by its size."""
    out = []
    series = None
    for row in rows:
        _, name, size = row["workload"].rsplit("_", 2)
        if name != series:
            series = name
            out.append(f"\n| {name} | us a step | us by {name} |\n|---:|---:|---:|\n")
        out.append(f"| {size} | {number(row['nyala_us'])} | {number(row['nyala_us'] / int(size))} |\n")
    return "".join(out)


def contention_table(rows):
    columns = sorted({name for row in rows for name in row["busy"]}, key=lambda name: (name != "nyala", name))
    lines = [["workload", *columns], ["---"] + ["---:"] * len(columns)]
    for row in rows:
        alone, busy = row["alone"], row["busy"]
        lines.append([row["workload"], *(f"{number(alone[name])} -> {number(busy[name])} "
                                         f"({ratio(busy[name], alone[name])})" if name in busy else ""
                                         for name in columns)])
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def versions_of(rows):
    return sorted({version for row in rows for version in row.get("versions", [])})


def peaks_line(rows):
    peaks = {name: us for row in rows for name, us in row.get("peaks", {}).items()}
    if "fma" not in peaks:
        return ""
    triads = {float(key[6:]): us for key, us in peaks.items() if key.startswith("triad_")}
    return (f"- Peak of one core: {1e6 / peaks['fma']:.0f} Gflop/s (a loop of fused multiply-adds)" +
            "".join(f", triad over {size / 1024:.0f} KiB {size / us / 1e3:.0f} GB/s"
                    for size, us in sorted(triads.items())) + "\n")


BUSY_MACHINE = ("- Other programs ran meanwhile. Steps on one core are timed by the process's own time, those on two "
                "by the wall; programs took turns, so that ratios count, single figures less\n")


def text(rows, meanings):
    counts = [row for row in rows if "instructions" in row]
    contended = [row for row in rows if "busy" in row]
    growing = [row for row in rows if row["workload"].startswith("growth_")]
    plain = [row for row in rows if "nyala_us" in row and row not in growing]
    out = ["# Results\n\n", "Written by `benchmarks/run`; see README.md for how it measures.\n\n"]
    out.append(f"- Day: {date.today()}\n- CPU: {cpu()}\n- System: {platform.system()} {platform.release()}, "
               f"glibc {platform.libc_ver()[1]}\n- Versions: {'; '.join(versions_of(rows))}\n")
    if any(row.get("clock") == "cpu" for row in rows):
        out.append(BUSY_MACHINE)
    out.append(peaks_line(rows))
    for threads in (1, 2):
        chosen = [row for row in plain if row["threads"] == threads]
        if chosen:
            out.append(f"\n## {'One core' if threads == 1 else 'Two cores'}\n\nMicroseconds a step.\n\n")
            out.append(table(chosen))
    if growing:
        out.append("\n## Growth\n\nOne core. What a step takes with more rows, steps and layers.\n" +
                   growth_table(growing))
    if contended:
        out.append("\n## Beside a busy core\n\nTwo threads on two cores, one of which another program keeps busy: "
                   "microseconds a step alone and beside it, and how many times as long. Who shares one of two cores "
                   "evenly loses a quarter of the machine.\n\n" + contention_table(contended))
    shares = roofline_table(plain)
    if shares.count("\n") > 2:
        out.append("\n## Roofline\n\nThe share that a kernel reaches of the measured peak of one core: of its "
                   "arithmetic, or of a triad over as many bytes.\n\n" + shares)
    if counts:
        out.append("\n## Instructions\n\nA step (an op, for chains of ops) of Nyala, counted by callgrind, which "
                   "emulates a CPU with AVX2.\n\n| workload | instructions |\n|---|---:|\n")
        out += [f"| {row['workload']} | {row['instructions']:.0f} |\n" for row in counts]
    for row in plain:
        if "nyala_mib" in row:
            out.append("\n## Peak memory at the first prediction\n\n" + memory_table(row))
    named = dict.fromkeys(row["workload"] for row in plain)
    out.append("\n## What the workloads are\n\n" + "".join(f"- {name}: {meanings[name]}\n" for name in named))
    return "".join(out)


def write(*parts):
    with open(os.path.join(HERE, "RESULTS.md"), "w") as out:
        out.write(text(*parts))
