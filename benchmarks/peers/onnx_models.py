"""The networks of the predictions as ONNX files with random weights, for the runtimes that read them."""
import numpy as np
from onnx import TensorProto, helper, numpy_helper

import startup


class Graph:
    """Nodes one after the other; each gives the name of its output."""

    def __init__(self):
        self.random = np.random.default_rng(0)
        self.nodes, self.stored = [], []

    def store(self, value):
        name = f"w{len(self.stored)}"
        self.stored.append(numpy_helper.from_array(value, name))
        return name

    def weight(self, *shape):
        return self.store((self.random.normal(size=shape) * 0.05).astype(np.float32))

    def numbers(self, *values):
        return self.store(np.array(values, np.int64))

    def add(self, kind, *inputs, outputs=1, **attributes):
        names = [f"n{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, **attributes))
        return names[0] if outputs == 1 else names

    def affine(self, x, rows, columns):
        return self.add("Add", self.add("MatMul", x, self.weight(rows, columns)), self.weight(columns))

    def bytes(self, inputs, outputs):
        value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
        graph = helper.make_graph(self.nodes, "model", [value(*v) for v in inputs.items()],
                                  [value(*v) for v in outputs.items()], self.stored)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 8
        return model.SerializeToString()


def cnn():
    g = Graph()
    pool = lambda x: g.add("MaxPool", g.add("Relu", x), kernel_shape=[2, 2], strides=[2, 2])
    h = pool(g.add("Conv", "x", g.weight(32, 1, 3, 3), g.weight(32)))
    h = pool(g.add("Conv", h, g.weight(64, 32, 3, 3), g.weight(64)))
    y = g.add("Softmax", g.affine(g.add("Flatten", h), 1600, 10), axis=1)
    return g.bytes({"x": (1, 1, 28, 28)}, {y: (1, 10)})


def sequence(kind):
    g = Graph()
    gates = 4 if kind == "LSTM" else 3
    x = g.add("Transpose", "x", perm=[1, 0, 2])
    weights = g.weight(1, gates * 64, 32), g.weight(1, gates * 64, 64), g.weight(1, 2 * gates * 64)
    more = {} if kind == "LSTM" else {"linear_before_reset": 1}
    last = g.add(kind, x, *weights, outputs=2, hidden_size=64, **more)[1]
    y = g.affine(g.add("Squeeze", last, g.numbers(0)), 64, 1)
    return g.bytes({"x": (1, 50, 32)}, {y: (1, 1)})


def normalized(g, x):
    return g.add("LayerNormalization", x, g.weight(64), g.weight(64), axis=-1, epsilon=1e-5)


def transformer():
    g = Graph()

    def heads(order):
        split = g.add("Reshape", g.affine("x", 64, 64), g.numbers(1, 64, 4, 16))
        return g.add("Transpose", split, perm=order)
    scores = g.add("Mul", g.add("MatMul", heads([0, 2, 1, 3]), heads([0, 2, 3, 1])), g.store(np.float32(0.25)))
    mixed = g.add("MatMul", g.add("Softmax", scores, axis=-1), heads([0, 2, 1, 3]))
    joined = g.add("Reshape", g.add("Transpose", mixed, perm=[0, 2, 1, 3]), g.numbers(1, 64, 64))
    h = normalized(g, g.add("Add", "x", g.affine(joined, 64, 64)))
    hidden = g.affine(g.add("Relu", g.affine(h, 64, 256)), 256, 64)
    mean = g.add("ReduceMean", normalized(g, g.add("Add", h, hidden)), axes=[1], keepdims=0)
    y = g.add("Softmax", g.affine(mean, 64, 2), axis=1)
    return g.bytes({"x": (1, 64, 64)}, {y: (1, 2)})


def stream_lstm():
    g = Graph()
    weights = g.weight(1, 64, 1), g.weight(1, 64, 16), g.weight(1, 128)
    _, h, c = g.add("LSTM", "x", *weights, "", "h", "c", outputs=3, hidden_size=16)
    y = g.affine(h, 16, 1)
    state = (1, 1, 16)
    return g.bytes({"x": (1, 1, 1), "h": state, "c": state}, {y: (1, 1, 1), h: state, c: state})


# File and the inputs' shapes, by workload.
MODELS = {
    "predict_row": (lambda: startup.onnx_bytes(startup.random_weights()), {"x": (1, 784)}),
    "predict_cnn": (cnn, {"x": (1, 1, 28, 28)}),
    "predict_lstm": (lambda: sequence("LSTM"), {"x": (1, 50, 32)}),
    "predict_gru": (lambda: sequence("GRU"), {"x": (1, 50, 32)}),
    "predict_transformer": (transformer, {"x": (1, 64, 64)}),
    "stream_lstm": (stream_lstm, {"x": (1, 1, 1), "h": (1, 1, 16), "c": (1, 1, 16)}),
}
