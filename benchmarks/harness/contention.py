"""What a step on two cores takes when another program keeps one of them busy."""
import os
import statistics
import subprocess
import sys

from .programs import cpus, environment

WORKLOADS = ("mnist_mlp_small", "mnist_mlp_big", "lstm", "transformer", "cnn")
SECONDS = 0.05  # of a group of steps, whose mean counts: waiting is a part of it
GROUPS = 2


class Busy:
    """A program that keeps a core busy while this lasts."""

    def __init__(self, core):
        self.core = core

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", "while True: pass"], env=environment(1),
                                        preexec_fn=lambda: os.sched_setaffinity(0, {self.core}))

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()


def _mean(program, workload, step):
    group = max(1, int(SECONDS * 1e6 / step))
    return program.ask(workload, 0.01, group)


def rows(programs):
    """One row a workload: microseconds of each program alone and beside a busy core. The two are measured in
    turns."""
    core = cpus(2)[-1]
    for workload in WORKLOADS:
        row = {"workload": workload, "threads": 2, "alone": {}, "busy": {}}
        for program in programs:
            step = program.ask(workload, 0.1)
            if step is None:
                continue
            alone, busy = [], []
            for _ in range(GROUPS):
                alone.append(_mean(program, workload, step))
                with Busy(core):
                    slow = program.ask(workload, 0.01)
                    busy.append(_mean(program, workload, slow))
            row["alone"][program.name] = statistics.median(alone)
            row["busy"][program.name] = statistics.median(busy)
        yield row
