"""Records graphs of one call of keras.ops each: recorded/keras_ops.json, with each model's JSON, its
inputs and its outputs, or compares what Nyala made of them with real Keras.

usage: python make_keras_ops.py             records
       python make_keras_ops.py check FILE  reads the models that Nyala wrote (keras_ops_test with
                                            NYALA_WRITE_KERAS_OPS=FILE) and runs them
       python make_keras_ops.py missing     lists the functions of keras.ops without a case

Needs keras 3.15 on TensorFlow, and numpy.
"""
import json
import os
import re
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np
from keras import ops

HERE = os.path.dirname(os.path.abspath(__file__))
FILE = os.path.join(HERE, "recorded", "keras_ops.json")

# Inputs by name: the shape behind the batch of 2, the dtype, and the range that values come from.
INPUTS = {
    "x": ((3,), "float32", (-2, 2)),
    "y": ((3,), "float32", (0.3, 2)),  # positive
    "p": ((3,), "float32", (0.1, 0.9)),  # a share
    "g": ((3,), "float32", (1.1, 3)),  # more than one
    "q": ((2, 3), "float32", (-2, 2)),
    "r": ((3, 2), "float32", (-2, 2)),
    "s": ((3, 3), "float32", (-2, 2)),
    "h": ((4,), "float32", (-2, 2)),
    "o": ((1, 3), "float32", (-2, 2)),
    "i": ((3,), "int32", (0, 3)),
    "j": ((3,), "int32", (1, 6)),
    "l": ((), "int32", (0, 3)),
    "b": ((3,), "bool", (0, 2)),
    "c": ((3,), "bool", (0, 2)),
    "e": ((5, 2), "float32", (-2, 2)),
    "f": ((4, 5, 2), "float32", (-2, 2)),
    "k": ((3, 4, 2), "float32", (-2, 2)),
    # Without a batch.
    "v": ((5,), "float32", (-2, 2)),
    "w": ((5,), "float32", (-2, 2)),
    "t": ((5,), "int32", (0, 3)),
    "m": ((3, 3), "float32", (-2, 2)),
    "z": ((3,), "float32", (-1, 1)),
}
UNBATCHED = set("vwtmz")
A = np.array([[0.5, -1.0], [2.0, 0.25], [-0.5, 1.5]], "float32")
ROW = np.array([0.5, -1.0, 2.0], "float32")
KERNEL1 = np.linspace(-1, 1, 2 * 2 * 2).reshape(2, 2, 2).astype("float32")
KERNEL2 = np.linspace(-1, 1, 2 * 2 * 2 * 2).reshape(2, 2, 2, 2).astype("float32")
POINTWISE = np.linspace(-1, 1, 4 * 3).reshape(1, 1, 4, 3).astype("float32")
INDICES = np.array([2, 0], "int32")

UNARY = """absolute abs negative square sign exp expm1 sin cos tan arctan sinh cosh tanh arcsinh floor
ceil trunc round logical_not isnan isinf isfinite exp2 cbrt deg2rad rad2deg sinc nan_to_num sigmoid
softplus relu silu swish gelu relu6 leaky_relu elu selu celu hard_sigmoid hard_silu hard_swish hard_tanh
hard_shrink soft_shrink tanh_shrink softsign log_sigmoid squareplus sparse_plus sparse_sigmoid
stop_gradient erf erfc softmax log_softmax normalize zeros_like ones_like cumsum cumprod sort argsort
flip ravel copy conj conjugate real isreal signbit fabs isneginf isposinf"""
POSITIVE = "sqrt rsqrt log log2 log10 log1p reciprocal"
SHARE = "arcsin arccos arctanh erfinv"
BINARY = """add subtract multiply divide true_divide divide_no_nan maximum minimum arctan2 equal not_equal
less less_equal greater greater_equal logical_and logical_or logical_xor logaddexp logaddexp2 hypot
floor_divide mod fmod fmax fmin heaviside nextafter"""
BITS = "bitwise_and bitwise_or bitwise_xor left_shift right_shift bitwise_left_shift bitwise_right_shift"
REDUCE = "sum mean prod max min amax amin any all var std logsumexp median count_nonzero ptp"
REDUCE += " nansum nanmean nanmax nanmin nanprod nanvar nanstd nanmedian"

CASES = """
ops.power(y, x)
ops.power(y, 2)
ops.power(2.0, x)
ops.arccosh(g)
ops.round(x, decimals=1)
ops.bitwise_not(i)
ops.bitwise_invert(i)
ops.add(x, 1)
ops.add(x, 1.5)
ops.subtract(1, x)
ops.multiply(i, 2)
ops.add(x, ROW)
ops.subtract(ROW, x)
ops.multiply(x, ops.convert_to_tensor(ROW))
ops.add(x, [0.5, -1.0, 2.0])
ops.equal(i, [0, 1, 2])
ops.equal(i, 1)
ops.maximum(x, 0)
ops.maximum(x, ops.convert_to_tensor(0.5))
ops.logical_and(b, c)
ops.logical_and(b, True)
ops.logical_not(b)
x + 1
1 - x
x / y
x * 2.5
2 // y
y ** 2
-x
abs(x)
x > 0
x <= y
x == y
b & c
i % 2
x @ A
q @ r
x[:, 1]
x[:, 1:]
q[:, 0, 1:3]
q[..., 0]
q[:, None, ::-1]
ops.get_item(q, (slice(None), 1))
ops.where(b, x, y)
ops.where(x > 0, x, 0.0)
ops.where(b, 1.0, 0.0)
ops.where(b, x, ROW)
ops.clip(x, -0.5, 0.5)
ops.clip(x, -1, 1)
ops.clip(i, 1, 2)
ops.nan_to_num(x, nan=1.0, posinf=2.0, neginf=-2.0)
ops.isclose(x, y)
ops.isclose(x, y, rtol=0.1, atol=0.5, equal_nan=True)
ops.cast(x, "float64")
ops.cast(x, "int32")
ops.cast(b, "float32")
ops.saturate_cast(x, "uint8")
ops.gelu(x, approximate=False)
ops.leaky_relu(x, negative_slope=0.1)
ops.elu(x, alpha=0.5)
ops.celu(x, alpha=0.5)
ops.hard_shrink(x, threshold=0.2)
ops.soft_shrink(x, threshold=0.2)
ops.squareplus(x, b=2)
ops.threshold(x, 0.5, -1.0)
ops.glu(h)
ops.glu(h, axis=1)
ops.softmax(q, axis=1)
ops.softmax(q, axis=(1, 2))
ops.softmax(q, axis=None)
ops.log_softmax(q, axis=1)
ops.sparsemax(x)
ops.sparsemax(q, axis=-1)
ops.normalize(q, axis=1)
ops.normalize(x, order=1, epsilon=0.01)
ops.sum(q, axis=1)
ops.sum(q, axis=(1, 2), keepdims=True)
ops.sum(q, axis=[1, 2])
ops.sum(i, axis=1)
ops.sum(b, axis=1)
ops.mean(q, axis=-1, keepdims=True)
ops.prod(q, axis=1, keepdims=True, dtype="float64")
ops.prod(i, axis=1, dtype="float32")
ops.max(q, axis=1, initial=0.5)
ops.max(q, axis=(1, 2), keepdims=True, initial=0.5)
ops.min(q, axis=1, initial=-0.5)
ops.max(x, initial=10)
ops.max(i, axis=1, initial=2)
ops.any(b, axis=1)
ops.all(b, axis=1, keepdims=True)
ops.var(q, axis=1)
ops.std(q, axis=(1, 2), keepdims=True)
ops.logsumexp(q, axis=1, keepdims=True)
ops.median(q, axis=1)
ops.count_nonzero(i, axis=1)
ops.quantile(x, 0.25, axis=1)
ops.quantile(x, [0.25, 0.5], axis=1)
ops.quantile(x, np.array([0.25, 0.75], "float32"), axis=1, keepdims=True)
ops.quantile(v, 0.3)
ops.percentile(x, 25.0, axis=1)
ops.average(x)
ops.average(x, axis=1)
ops.average(x, axis=1, weights=y)
ops.average(x, axis=1, weights=[0.25, 0.5, 0.25])
ops.average(x, axis=1, weights=np.array([0.25, 0.5, 0.25], "float32"))
ops.norm(x)
ops.norm(x, axis=1)
ops.norm(q, ord=1, axis=-1, keepdims=True)
ops.norm(q, ord="fro", axis=(1, 2))
ops.norm(x, ord=3, axis=1)
ops.linalg.norm(q, axis=(1, 2))
ops.moments(x, axes=[1])
ops.moments(q, axes=[1, 2], keepdims=True)
ops.moments(x, axes=(0,))
ops.argmax(x)
ops.argmax(q, axis=1)
ops.argmax(q, axis=-1, keepdims=True)
ops.argmin(q, axis=1)
ops.cumsum(x, axis=1)
ops.cumsum(x, axis=1, dtype="float64")
ops.cumsum(i, axis=-1, dtype="float32")
ops.cumprod(x, axis=1)
ops.cumprod(q, axis=-1, dtype="float64")
ops.diff(x)
ops.diff(q, n=2, axis=-1)
ops.diff(q, axis=1)
ops.sort(q, axis=1)
ops.argsort(q, axis=1)
ops.argsort(v)
ops.argpartition(x, 1)
ops.top_k(x, 2)
ops.top_k(x, k=2, sorted=False)
ops.in_top_k(l, x, 2)
ops.in_top_k(l, x, k=1)
ops.take(x, 1, axis=1)
ops.take(x, [0, 2], axis=1)
ops.take(x, INDICES, axis=1)
ops.take(x, ops.convert_to_tensor(INDICES), axis=-1)
ops.take(v, t)
ops.take(v, t, axis=0)
ops.take(x, [[0, -1], [1, 2]], axis=-1)
ops.take_along_axis(x, i, axis=1)
ops.take_along_axis(x, np.array([[1], [0]], "int32"), axis=1)
ops.one_hot(i, 3)
ops.one_hot(i, num_classes=4, axis=1)
ops.one_hot(i, 3, axis=-1, dtype="int32")
ops.one_hot(l, 3)
ops.multi_hot(i, 3)
ops.multi_hot(i, num_classes=4, dtype="int32")
ops.reshape(q, (-1, 6))
ops.reshape(q, (-1, 3, 2))
ops.reshape(x, [-1])
ops.reshape(v, 5)
ops.transpose(q)
ops.transpose(q, axes=(0, 2, 1))
ops.transpose(q, [0, 2, 1])
ops.swapaxes(q, 1, 2)
ops.swapaxes(q, axis1=-1, axis2=-2)
ops.moveaxis(q, 1, 2)
ops.moveaxis(q, -1, 1)
ops.moveaxis(q, (1, 2), (2, 1))
ops.broadcast_to(m, (2, 3, 3))
ops.broadcast_to(z, [2, 3])
ops.expand_dims(x, 1)
ops.expand_dims(x, axis=-1)
ops.expand_dims(x, (1, 2))
ops.expand_dims(x, [1, -1])
ops.squeeze(o)
ops.squeeze(o, axis=1)
ops.squeeze(o, axis=(1,))
ops.concatenate([x, h], axis=1)
ops.concatenate([x, y])
ops.concatenate([q, o], axis=1)
ops.concatenate([v, w, v])
ops.concatenate([x, i], axis=-1)
ops.concatenate([m, np.ones((1, 3), "float32")], axis=0)
ops.stack([x, y])
ops.stack([x, y], axis=1)
ops.stack([x, y, x], axis=-1)
ops.stack([z, ROW])
ops.unstack(q, axis=1)
ops.unstack(x, num=3, axis=-1)
ops.unstack(m)
ops.split(h, 2, axis=1)
ops.split(q, 3, axis=-1)
ops.split(h, [1, 3], axis=1)
ops.split(h, (1,), axis=-1)
ops.split(v, [2, 3])
ops.array_split(h, 3, axis=1)
ops.hsplit(h, 2)
ops.hsplit(h, [1, 3])
ops.pad(x, ((0, 0), (1, 2)))
ops.pad(x, [[0, 0], [1, 2]])
ops.pad(x, ((0, 0), (1, 2)), constant_values=7)
ops.pad(x, ((0, 0), (1, 2)), mode="constant", constant_values=0.5)
ops.pad(x, ((0, 0), (1, 2)), mode="reflect")
ops.pad(x, ((0, 0), (1, 2)), mode="symmetric")
ops.pad(m, 1)
ops.pad(m, (1, 2))
ops.pad(m, (1,))
ops.tile(x, (1, 2))
ops.tile(x, [2, 1])
ops.tile(v, 2)
ops.repeat(x, 2, axis=1)
ops.repeat(x, 3)
ops.repeat(x, [1, 0, 2], axis=1)
ops.repeat(x, repeats=2, axis=-1)
ops.flip(x, axis=1)
ops.flip(q, axis=(1, 2))
ops.fliplr(x)
ops.flipud(x)
ops.roll(x, 1)
ops.roll(x, 1, axis=1)
ops.roll(x, -2, axis=-1)
ops.roll(q, (1, -1), axis=(1, 2))
ops.rot90(m)
ops.rot90(q, k=2, axes=(1, 2))
ops.rot90(q, -1, (1, 2))
ops.triu(s)
ops.triu(s, k=1)
ops.tril(s)
ops.tril(s, -1)
ops.diag(v)
ops.diag(m)
ops.diag(m, k=1)
ops.diag(v, k=-1)
ops.diagflat(v)
ops.diagonal(m)
ops.diagonal(s, axis1=1, axis2=2)
ops.diagonal(s, offset=1, axis1=1, axis2=2)
ops.trace(m)
ops.trace(s, offset=-1, axis1=1, axis2=2)
ops.slice(q, [0, 0, 1], [2, 1, 2])
ops.slice(m, (1, 0), (2, 3))
ops.slice(m, np.array([1, 0], "int32"), (1, 2))
ops.slice_update(m, [0, 1], np.zeros((2, 2), "float32"))
ops.scatter(np.array([[0], [2]], "int32"), w[:2], (5,))
ops.scatter_update(v, [[0], [3]], [1.0, 2.0])
ops.matmul(q, r)
ops.matmul(x, A)
ops.matmul(A, q)
ops.matmul(x, ops.convert_to_tensor(A))
ops.dot(x, A)
ops.dot(v, w)
ops.dot(x, 2.0)
ops.inner(v, w)
ops.inner(x, y)
ops.outer(v, w)
ops.vdot(v, w)
ops.kron(m, m)
ops.tensordot(q, r, axes=[[2], [1]])
ops.tensordot(q, A, axes=1)
ops.tensordot(q, A, axes=((2,), (0,)))
ops.tensordot(m, m)
ops.cross(x, y)
ops.cross(x, y, axis=-1)
ops.cross(z, ROW)
ops.einsum("bi,bj->bij", x, y)
ops.einsum("bij,bjk->bik", q, r)
ops.einsum("bij->b", q)
ops.einsum("bi,ij->bj", x, A)
ops.einsum("...ij->...ji", q)
ops.meshgrid(v, w)
ops.meshgrid(v, z, indexing="ij")
ops.meshgrid(v, z, w)
ops.append(x, y, axis=1)
ops.append(x, y)
ops.hstack([x, y])
ops.vstack([x, y])
ops.dstack([x, y])
ops.digitize(x, [-1.0, 0.0, 1.0])
ops.digitize(x, np.array([-1.0, 0.0, 1.0], "float32"))
ops.searchsorted(np.array([-1.0, 0.0, 1.0], "float32"), v)
ops.searchsorted(np.array([-1.0, 0.0, 1.0], "float32"), v, side="right")
ops.searchsorted(ops.sort(v), w)
ops.bincount(t, minlength=4)
ops.bincount(i, minlength=4)
ops.bincount(t, weights=[0.5, 1.0, 1.5, 2.0, 2.5], minlength=4)
ops.unravel_index(t, (2, 2))
ops.nonzero(t)
ops.segment_sum(v, t, num_segments=3)
ops.segment_max(v, t, num_segments=3)
ops.segment_sum(v, np.array([0, 0, 1, 2, 2], "int32"), num_segments=3, sorted=True)
ops.segment_sum(v, [0, 0, 1, 2, 2], 3)
ops.full_like(x, 2)
ops.full_like(x, 0.5, dtype="float64")
ops.zeros_like(x, dtype="int32")
ops.ones_like(i)
ops.ones_like(x, dtype="float64")
ops.linspace(x, y, num=4)
ops.det(s)
ops.inv(s)
ops.solve(s, r)
ops.solve(s, x[..., None])
ops.cholesky(ops.matmul(s, ops.transpose(s, (0, 2, 1))) + np.eye(3, dtype="float32"))
ops.cholesky(ops.matmul(s, ops.transpose(s, (0, 2, 1))) + np.eye(3, dtype="float32"), upper=True)
ops.binary_crossentropy(p, x > 0)
ops.binary_crossentropy(b, p)
ops.binary_crossentropy(p, p, from_logits=False)
ops.binary_crossentropy(p, x, from_logits=True)
ops.categorical_crossentropy(p, y)
ops.categorical_crossentropy(p, x, from_logits=True)
ops.categorical_crossentropy(q, ops.softmax(q, axis=1), axis=1)
ops.sparse_categorical_crossentropy(l, ops.softmax(x))
ops.sparse_categorical_crossentropy(l, x, from_logits=True)
ops.batch_normalization(x, [0.1, 0.2, 0.3], [1.0, 2.0, 3.0], axis=-1)
ops.batch_normalization(x, np.array([0.1, 0.2, 0.3], "float32"), np.array([1.0, 2.0, 3.0], "float32"), axis=-1, offset=ROW, scale=ROW, epsilon=0.01)
ops.layer_normalization(x)
ops.layer_normalization(x, gamma=ROW, beta=ROW, axis=-1, epsilon=0.01)
ops.rms_normalization(x)
ops.rms_normalization(x, scale=ROW, axis=-1, epsilon=0.01)
ops.convert_to_tensor(x)
ops.mean(ops.stack(ops.split(h, 2, axis=1)), axis=0)
ops.subtract(*ops.top_k(x, 2))
ops.trapezoid(x)
ops.vander(v)
ops.i0(x)
ops.angle(x)
ops.imag(x)
ops.max_pool(e, 2)
ops.max_pool(f, (2, 1), strides=1, padding="SAME")
ops.max_pool(f, 2, data_format="channels_first")
ops.average_pool(e, 3, strides=2, padding="same")
ops.average_pool(f, (2, 2), strides=(1, 2))
ops.conv(e, KERNEL1)
ops.conv(f, KERNEL2, strides=(1, 2), padding="same")
ops.conv(f, KERNEL2, dilation_rate=2, data_format="channels_last")
ops.depthwise_conv(f, KERNEL2, padding="SAME")
ops.separable_conv(f, KERNEL2, POINTWISE, strides=1)
ops.dot_product_attention(k, k, k)
ops.dot_product_attention(k, k, k, mask=np.tril(np.ones((3, 3), "bool")), scale=0.5)
ops.dot_product_attention(k, k, k, bias=np.eye(3, dtype="float32"), is_causal=True)
"""


def expressions():
    for name in UNARY.split():
        yield f"ops.{name}({'x'})"
    for name in POSITIVE.split():
        yield f"ops.{name}(y)"
    for name in SHARE.split():
        yield f"ops.{name}(p)"
    for name in BINARY.split():
        yield f"ops.{name}(x, y)"
    for name in BITS.split():
        yield f"ops.{name}(i, j)"
    for name in REDUCE.split():
        yield f"ops.{name}(x)"
        yield f"ops.{name}(q, axis=1, keepdims=True)" if name != "count_nonzero" else "ops.count_nonzero(x, axis=1)"
    yield from CASES.strip().splitlines()


def names_in(expression):
    return [name for name in INPUTS if re.search(rf"(?<![\w.'\"]){name}(?![\w'\"=])", re.sub(r'"[^"]*"', "", expression))]


def build(expression):
    keras.backend.clear_session()
    symbols = {}
    for name in names_in(expression):
        shape, dtype, _ = INPUTS[name]
        batch = shape if name in UNBATCHED else (None, *shape)
        symbols[name] = keras.Input(batch_shape=batch, dtype=dtype, name=name)
    constants = {"A": A, "ROW": ROW, "INDICES": INDICES, "KERNEL1": KERNEL1, "KERNEL2": KERNEL2, "POINTWISE": POINTWISE}
    scope = {"ops": ops, "np": np, "abs": abs, "slice": slice, **constants, **symbols}
    result = eval(expression, scope)
    return keras.Model(list(symbols.values()), result, name="m"), list(symbols)


def values(name, generator):
    shape, dtype, (low, high) = INPUTS[name]
    shape = shape if name in UNBATCHED else (2, *shape)
    if dtype == "float32":
        return np.round(generator.uniform(low, high, shape), 2).astype(dtype)
    return generator.integers(low, high, shape).astype(dtype)


def listed(array):
    array = np.asarray(array)
    numbers = array.ravel()
    if array.dtype.kind == "f":
        numbers = [float(f"{number:.7g}") if np.isfinite(number) else str(number) for number in numbers.astype("float64")]
    else:
        numbers = [int(number) for number in numbers]
    return {"dtype": str(array.dtype), "shape": list(array.shape), "values": numbers}


def flat(result):
    return list(result) if isinstance(result, (list, tuple)) else [result]


def record():
    cases = []
    for number, expression in enumerate(expressions()):
        try:
            model, names = build(expression)
            generator = np.random.default_rng(number)
            inputs = [values(name, generator) for name in names]
            outputs = flat(model(inputs))
            text = model.to_json()
            again = keras.models.model_from_json(text)
            flat(again(inputs))
        except Exception as error:
            print(f"left out: {expression}: {type(error).__name__}: {str(error).splitlines()[0][:150]}")
            continue
        cases.append({"call": expression, "model": text, "inputs": [listed(a) for a in inputs], "outputs": [listed(a) for a in outputs]})
    with open(FILE, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")
    print(f"{len(cases)} calls recorded with Keras {keras.__version__}")


def array_of(record):
    return np.array(record["values"], "float64").astype(record["dtype"]).reshape(record["shape"])


def check(path):
    recorded = {case["call"]: case for case in json.load(open(FILE))}
    written = json.load(open(path))
    equal = 0
    for call, text in written.items():
        case = recorded[call]
        try:
            model = keras.models.model_from_json(text)
            results = flat(model([array_of(a) for a in case["inputs"]]))
            for result, want in zip(results, case["outputs"], strict=True):
                np.testing.assert_allclose(np.asarray(result).astype("float64"), array_of(want).astype("float64"), rtol=1e-5, atol=1e-6)
            equal += 1
        except Exception as error:
            print(f"{call}: {type(error).__name__}: {str(error)[:300]}")
    print(f"Keras {keras.__version__} reads {equal} of {len(written)} graphs that Nyala wrote ({len(recorded)} recorded)")
    sys.exit(equal != len(written))


def missing():
    text = " ".join(expressions())
    names = [name for name in dir(ops) if callable(getattr(ops, name)) and not name.startswith("_")]
    print(" ".join(name for name in names if f"ops.{name}(" not in text))


if __name__ == "__main__":
    if len(sys.argv) == 1:
        record()
    elif sys.argv[1] == "check" and len(sys.argv) == 3:
        check(sys.argv[2])
    elif sys.argv[1:] == ["missing"]:
        missing()
    else:
        sys.exit(__doc__)
