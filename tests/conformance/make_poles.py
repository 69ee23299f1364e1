"""Records what Keras on TensorFlow gives for 0, infinities and NaN: recorded/poles.json, with the
values of pointwise functions and their gradients for a gradient of 1 and of 0.

usage: python make_poles.py          (needs keras 3.15, tensorflow and numpy)
"""
import json
import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
from keras import ops

HERE = os.path.dirname(os.path.abspath(__file__))
POINTS = [0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 100.0, -100.0, np.inf, -np.inf, np.nan]
UNARY = """negative absolute sign square sqrt rsqrt reciprocal exp expm1 log log1p log2 log10 sin cos
tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh arctanh erf erfinv floor ceil round trunc
isnan isinf isfinite cbrt exp2 sigmoid softplus relu relu6 gelu silu elu selu softsign log_sigmoid
hard_sigmoid""".split()
BINARY = """add subtract multiply divide power maximum minimum arctan2 mod floor_divide logaddexp
equal not_equal less less_equal greater greater_equal""".split()


def texts(tensor, like):
    if tensor is None:
        return None
    values = np.broadcast_to(np.asarray(tensor, "float64"), like.shape)
    return " ".join(f"{value:.7g}" for value in values)


def record(function, *arguments):
    inputs = [tf.constant(argument, tf.float32) for argument in arguments]
    with tf.GradientTape(persistent=True) as tape:
        for x in inputs:
            tape.watch(x)
        y = function(*inputs)
    case = {"values": texts(y, inputs[0])}
    if y.dtype.is_floating:
        for name, dy in (("gradients", tf.ones_like(y)), ("gradients_of_0", tf.zeros_like(y))):
            found = [tape.gradient(y, x, output_gradients=dy) for x in inputs]
            case[name] = [texts(gradient, inputs[0]) for gradient in found]
    return case


def main():
    xs, ys = (np.ravel(grid) for grid in np.meshgrid(POINTS, POINTS, indexing="ij"))
    recorded = {
        "points": texts(POINTS, np.array(POINTS)),
        "unary": {name: record(getattr(ops, name), POINTS) for name in UNARY},
        "binary": {name: record(getattr(ops, name), xs, ys) for name in BINARY},
    }
    with open(os.path.join(HERE, "recorded", "poles.json"), "w") as file:
        json.dump(recorded, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
