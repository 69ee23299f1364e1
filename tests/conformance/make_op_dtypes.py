"""Records the dtypes of what Keras gives: recorded/dtypes.json, with `promotion`, the result_type of
each two dtypes and of each dtype with a Python int and float, and `ops`, the dtypes that each call
of make_keras_ops.py gives with its floating inputs (its other ones where it has none) of each dtype,
"-" where it refuses them.

usage: python make_op_dtypes.py          (needs keras 3.15 on TensorFlow, and numpy)
"""
import json
import os

import make_keras_ops as calls

import keras
import numpy as np
from keras import ops

DTYPES = """bool uint8 int8 uint16 int16 uint32 int32 uint64 int64 float16 bfloat16 float32
float64""".split()


def promotion():
    return {
        a: " ".join(keras.backend.result_type(a, b) for b in [*DTYPES, int, float]) for a in DTYPES
    }


def results(expression, dtype):
    names = calls.names_in(expression)
    floats = [name for name in names if calls.INPUTS[name][1] == "float32"]
    scope = {"ops": ops, "np": np, "A": calls.A, "ROW": calls.ROW, "INDICES": calls.INDICES, "abs": abs}
    generator = np.random.default_rng(0)
    for name in names:
        value = ops.convert_to_tensor(np.abs(calls.values(name, generator)))
        scope[name] = ops.cast(value, dtype) if name in (floats or names) else value
    try:
        return ",".join(keras.backend.standardize_dtype(y.dtype) for y in calls.flat(eval(expression, scope)))
    except Exception:
        return "-"


def main():
    ops_of = {}
    with open(calls.FILE) as file:
        # An operator between tensors is TensorFlow's own.
        recorded = [case["call"] for case in json.load(file) if case["call"].startswith("ops.")]
    for call in recorded:
        ops_of[call] = " ".join(results(call, dtype) for dtype in DTYPES)
    path = os.path.join(calls.HERE, "recorded", "dtypes.json")
    with open(path, "w") as file:
        json.dump({"dtypes": " ".join(DTYPES), "promotion": promotion(), "ops": ops_of}, file, indent=0)
        file.write("\n")
    print(f"{len(ops_of)} calls recorded with Keras {keras.__version__}")


if __name__ == "__main__":
    main()
