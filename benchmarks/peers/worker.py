"""What the peers' programs share: the workloads' data, the figure of a step, and the protocol.

A program says "ready VERSIONS", then answers each line of standard input, `WORKLOAD SECONDS [GROUP]`,
with the time of one step in microseconds: the lowest median of ten consecutive steps, or groups of steps.
"unknown" stands for a workload that it has not. The C++ counterpart is ../measure.hpp.
"""
import os
import statistics
import sys
import time
from types import SimpleNamespace

import numpy as np

THREADS = int(os.environ.get("BENCH_THREADS", "1"))
OPS = 1000  # in a chain of small ops
GEMM_SIZES = (16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048)
KERNEL_SHAPE = (256, 1024)
FIT_STEPS = 200  # in an epoch of fit
# The clock of steps: the wall's, or the process's own, which stands still while other programs have
# the core.
now = time.process_time if os.environ.get("BENCH_CLOCK") == "cpu" else time.perf_counter


def _hash(count, seed):
    h = np.arange(count, dtype=np.uint32) + np.uint32(seed * 0x9E3779B9 & 0xFFFFFFFF)
    h = (h ^ (h >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    h = (h ^ (h >> np.uint32(13))) * np.uint32(0xC2B2AE35)
    return h ^ (h >> np.uint32(16))


def floats(shape, seed=1, low=-1.0, high=1.0):
    unit = (_hash(np.prod(shape), seed) >> np.uint32(8)).astype(np.float32) / np.float32(16777216)
    return (np.float32(low) + np.float32(high - low) * unit).reshape(shape)


def kernel_numbers(seed=1):
    return floats(KERNEL_SHAPE, seed)


def positive(seed=1):
    """What logarithms are taken of."""
    return floats(KERNEL_SHAPE, seed, 0.01, 10)


def integers(shape, seed, high):
    return (_hash(np.prod(shape), seed) % np.uint32(high)).astype(np.int32).reshape(shape)


SIZES = {"xor_mlp": (2, 8, 1), "iris_mlp": (4, 16, 3), "mnist_mlp_small": (784, 128, 10),
         "mnist_mlp_big": (784, 512, 512, 10)}
RATES = {"xor_mlp": 0.1, "iris_mlp": 1e-3, "two_tower": 1e-4}
MODELS = (*SIZES, "two_tower", "siamese")
# Others, with hidden layers that compute in bfloat16.
MIXED = {"mnist_mlp_bf16": "mnist_mlp_big", "cnn_bf16": "cnn", "lstm_bf16": "lstm",
         "transformer_bf16": "transformer"}
SEQUENCES = ("lstm", "gru")
TEXT = "text_bilstm"
BLOCKS = (*SEQUENCES, "transformer")
CONVOLUTIONS = {"cnn": (32, 28, 28, 1), "residual": (32, 32, 32, 16), "separable": (32, 32, 32, 32),
                "conv1d_stack": (8, 1000, 1)}  # shapes of their inputs


def task(name, batches=1):
    """Inputs `x` (a list), target `y`, `loss` (binary, classes or mse) and the learning `rate`."""
    if name in MIXED:
        result = task(MIXED[name])
        result.name = name
        return result
    result = SimpleNamespace(name=name, rate=RATES.get(name, 1e-5), sgd=name == "xor_mlp", loss="classes")
    if name == "xor_mlp":
        result.loss = "binary"
        result.x = [np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)]
        result.y = np.array([[0], [1], [1], [0]], np.float32)
    elif name == "two_tower":
        result.loss = "binary"
        result.x = [integers((256, 1), 1, 10000), integers((256, 1), 2, 5000)]
        result.y = integers((256, 1), 3, 2).astype(np.float32)
    elif name == "siamese":
        result.loss = "mse"
        result.x = [floats((64, 128), seed, 0) for seed in (1, 2)]
        result.y = floats((64, 1), 3, 0)
    elif name in SEQUENCES:
        result.loss = "mse"
        result.x = [floats((32, 50, 32))]
        result.y = floats((32, 1), 2)
    elif name == TEXT:
        result.loss = "binary"
        result.x = [words(32, 100)]
        result.y = integers((32, 1), 3, 2).astype(np.float32)
    elif name == "transformer":
        result.x = [floats((32, 64, 64))]
        result.y = integers(32, 9, 2)
    elif name == "conv1d_stack":
        result.loss = "mse"
        result.x = [floats(CONVOLUTIONS[name])]
        result.y = floats(CONVOLUTIONS[name], 2)
    elif name in CONVOLUTIONS:
        result.x = [floats(CONVOLUTIONS[name], 1, 0 if name == "cnn" else -1)]
        result.y = integers(len(result.x[0]), 9, 10)
    else:
        batch = {"iris_mlp": 32, "mnist_mlp_small": 32, "mnist_mlp_big": 128}[name] * batches
        low = -1 if name == "iris_mlp" else 0
        result.x = [floats((batch, SIZES[name][0]), 1, low)]
        result.y = integers(batch, 9, SIZES[name][-1])
    return result


def words(count, length):
    """Sentences of 20 words and more, filled up with zeros."""
    lengths = 20 + integers((count, 1), 2, length - 19)
    return np.where(np.arange(length) < lengths, 1 + integers((count, length), 1, 4999), 0).astype(np.int32)


def row():
    """The input of predict_row."""
    return floats((1, 784), 1, 0)


def dot_inputs(attention):
    shape = (16, 128, 64) if attention else (256, 64)
    return floats(shape, 1), floats(shape, 2)


def tiny_inputs():
    """Those of the example in Keras's documentation of Dot."""
    return np.arange(10, dtype=np.float32).reshape(1, 5, 2), np.arange(10, 20, dtype=np.float32).reshape(1, 2, 5)


def chain(y, factor, term, tanh):
    """OPS ops on 16 floats."""
    for _ in range(OPS // 3):
        y = tanh(y * factor + term)
    return y * factor


def glorot(random, rows, columns):
    limit = np.sqrt(6 / (rows + columns))
    return random.uniform(-limit, limit, (rows, columns)).astype(np.float32)


def quiet_median(step, budget, least_group=1):
    for _ in range(3):
        step()
    times = []
    for _ in range(3):  # one that was interrupted says nothing of its length
        start = now()
        step()
        times.append(now() - start)
    group = max(least_group, int(20e-6 / max(min(times), 1e-9)))
    times = []
    begin = time.perf_counter()
    while len(times) < 10 or time.perf_counter() - begin < budget:
        start = now()
        for _ in range(group):
            step()
        times.append((now() - start) / group)
    return min(statistics.median(times[i:i + 10]) for i in range(len(times) - 9)) * 1e6


def best_of(*makers):
    """A maker of the fastest among several ways to write one step."""
    def make():
        found = []
        for maker in makers:
            try:
                step = maker()
                found.append((quiet_median(step, 0.05), step))
            except Exception as error:  # a way that does not work here is no candidate
                print("left out:", type(error).__name__, error, file=sys.stderr)
        return min(found, key=lambda pair: pair[0])[1]
    return make


def for_names(names, maker):
    """Makers by workload from one that takes the workload's name."""
    return {name: (lambda name=name: maker(name)) for name in names}


def serve(versions, makers):
    """makers: workload -> a function that builds it and gives its step, or (step, units in a step)."""
    made = {}
    print("ready", versions, flush=True)
    for line in sys.stdin:
        name, budget, group = (line.split() + ["1"])[:3]
        try:
            if name not in made:
                made[name] = makers[name]() if name in makers else None
            if made[name] is None:
                print("unknown", flush=True)
                continue
            step, units = made[name] if isinstance(made[name], tuple) else (made[name], 1)
            print(quiet_median(step, float(budget), int(group)) / units, flush=True)
        except Exception as error:  # a peer that fails must not end the run
            made[name] = None
            print(f"{name}: {type(error).__name__}: {error}"[:500], file=sys.stderr, flush=True)
            print("unknown", flush=True)
