"""What the peers' programs share: they answer requests as nyala_bench does.

Each line of standard input, `WORKLOAD SECONDS`, is answered with the time of one step in microseconds:
the lowest median of ten consecutive steps.
"""
import statistics
import sys
import time


def quiet_median(step, budget):
    for _ in range(5):
        step()
    start = time.perf_counter()
    step()
    group = max(1, int(20e-6 / max(time.perf_counter() - start, 1e-9)))
    times = []
    begin = time.perf_counter()
    while len(times) < 10 or time.perf_counter() - begin < budget:
        start = time.perf_counter()
        for _ in range(group):
            step()
        times.append((time.perf_counter() - start) / group)
    windows = (statistics.median(times[i:i + 10]) for i in range(len(times) - 9))
    return min(windows) * 1e6


def serve(makers):
    """makers: workload -> a function that builds it and gives (step, units in a step)."""
    made = {}
    print("ready", flush=True)
    for line in sys.stdin:
        name, budget = line.split()
        if name not in makers:
            print("unknown", flush=True)
            continue
        try:
            if name not in made:
                made[name] = makers[name]()
            step, units = made[name]
            print(quiet_median(step, float(budget)) / units, flush=True)
        except Exception as error:  # a peer that fails must not end the run
            print("failed", type(error).__name__, file=sys.stderr, flush=True)
            print("unknown", flush=True)
