"""Measures in rounds: each program in turn, so that a slow spell of the machine meets all of them."""
import os
import statistics
import subprocess
import time

from .programs import HERE, cpus, environment

# Workloads that are the difference of two others.
DERIVED = {"fit_iris_overhead": ("fit_iris", "iris_mlp"),
           "fit_mnist_small_overhead": ("fit_mnist_small", "mnist_mlp_small")}
BARE = {"keras-tf": "tensorflow", "keras-jax": "jax"}
FIT_STEPS = 200  # in an epoch
STARTUP = "startup"
STARTUP_PEERS = ("onnxruntime", "pytorch", "keras-tf", "keras-jax")


def rounds_of(programs, workload, rounds, seconds, rest=0):
    """The figures of each program that has the workload, one for each round. They take turns after a `rest` in
    seconds: threads of the program before may look for work a while."""
    able = [p for p in programs if p.ask(workload, 0) is not None]  # builds, compiles, warms up
    figures = {p.name: [] for p in able}
    for _ in range(rounds):
        for program in able:
            time.sleep(rest)
            figure = program.ask(workload, seconds)
            if figure is not None:
                figures[program.name].append(figure)
    return {name: values for name, values in figures.items() if values}


def medians(figures):
    return {name: statistics.median(values) for name, values in figures.items()}


def beyond(programs, whole, part, rounds, seconds):
    """What a step of `whole` takes beyond one of `part`, one figure for each round; Keras's beyond the bare
    step of its backend. Steps of `part` are timed in groups as long as those of `whole`: a longer stretch
    meets more of the machine's noise."""
    by_name = {p.name: p for p in programs}
    pairs = [(p, by_name.get(BARE.get(p.name, p.name))) for p in programs if p.ask(whole, 0) is not None]
    pairs = [(p, bare) for p, bare in pairs if bare and bare.ask(part, 0) is not None]
    figures = {p.name: [] for p, _ in pairs}
    for _ in range(rounds):
        for program, bare in pairs:
            figures[program.name].append(program.ask(whole, seconds) - bare.ask(part, seconds, FIT_STEPS))
    return figures


def roofline_share(workload, microseconds, roofline, cache):
    """The part of the machine's peak that a step reaches, and which peak that is; None without one."""
    def peak(request):
        if request not in cache:
            cache[request] = min(roofline.ask(request, 0.1) for _ in range(3))
        return cache[request]
    if not roofline or not microseconds:
        return None
    if workload["flops"]:
        return {"of": "flops", "share": workload["flops"] * 1e-9 * peak("fma") / microseconds}
    if workload["bytes"]:
        return {"of": "bandwidth", "share": peak(f"triad_{workload['bytes']:.0f}") / microseconds}
    return None


def _start_once(command, threads):
    previous = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus(threads))
    try:
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              env=environment(threads)) as process:
            words = process.stdout.readline().split()
            taken = time.perf_counter() - begin
            process.stdout.read()
    finally:
        os.sched_setaffinity(0, previous)
    return (taken * 1e6, float(words[1])) if len(words) == 2 else None


def startup(binaries, peers, python, threads, rounds, folder):
    """Microseconds and MiB of each program, from its start to its first prediction."""
    program = os.path.join(binaries, "nyala_startup")
    script = os.path.join(HERE, "peers", "startup.py")
    subprocess.run([program, "--prepare", folder], check=True)
    commands = {"nyala": [program, folder]}
    if peers != "none":
        subprocess.run([python, script, "--prepare", folder], check=False, stderr=subprocess.DEVNULL)
        commands |= {name: [python, script, name, folder] for name in STARTUP_PEERS}
    times, memory = {}, {}
    for name, command in commands.items():
        if _start_once(command, threads) is None:  # not installed; the files are cached now
            continue
        found = [f for f in (_start_once(command, threads) for _ in range(rounds)) if f]
        if not found:
            continue
        times[name] = statistics.median(f[0] for f in found)
        memory[name] = statistics.median(f[1] for f in found)
    return times, memory
