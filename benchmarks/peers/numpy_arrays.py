"""The workloads in NumPy, gradients written by hand."""
import numpy as np

import worker

f32 = np.float32
random = np.random.default_rng(0)


def small_ops():
    x, factor, term = (np.full(16, value, f32) for value in (0.5, 1.01, 0.01))
    return (lambda: worker.chain(x, factor, term, np.tanh)), worker.OPS


def dot_tiny():
    x, y = worker.tiny_inputs()
    return lambda: np.matmul(x.transpose(0, 2, 1), y.transpose(0, 2, 1))


def dot_vec():
    a, b = worker.dot_inputs(False)
    g = np.ones((256, 1), f32)
    return lambda: (np.einsum("ij,ij->i", a, b), b * g, a * g)


def dot_attn():
    a, b = worker.dot_inputs(True)
    g = np.ones((16, 128, 128), f32)
    return lambda: (np.matmul(a, b.transpose(0, 2, 1)), np.matmul(g, b), np.matmul(g.transpose(0, 2, 1), a))


def adam(weights, rate):
    m, v, scratch = ([np.zeros_like(w) for w in weights] for _ in range(3))
    t = 0

    def update(gradients):
        nonlocal t
        t += 1
        a = f32(rate * np.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t))
        for w, g, mi, vi, u in zip(weights, gradients, m, v, scratch):
            mi *= f32(0.9)
            np.multiply(g, f32(0.1), out=u)
            mi += u
            vi *= f32(0.999)
            g *= g
            g *= f32(0.001)
            vi += g
            np.sqrt(vi, out=u)
            u += f32(1e-7)
            np.divide(mi, u, out=u)
            u *= a
            w -= u
    return update


def sgd(weights, rate):
    def update(gradients):
        for w, g in zip(weights, gradients):
            g *= f32(rate)
            w -= g
    return update


def train(name):
    task = worker.task(name)
    x, y, sizes = task.x[0], task.y, worker.SIZES[name]
    weights = []
    for rows, columns in zip(sizes, sizes[1:]):
        weights += [worker.glorot(random, rows, columns), np.zeros(columns, f32)]
    update = (sgd if task.sgd else adam)(weights, task.rate)
    count, rows = len(sizes) - 1, np.arange(len(x))

    def output_gradient(out):
        if task.loss == "binary":
            q = 1 / (1 + np.exp(-out))
            return -np.mean(y * np.log(q) + (1 - y) * np.log(1 - q)), (q - y) / f32(len(x))
        out -= out.max(1, keepdims=True)
        np.exp(out, out=out)
        out /= out.sum(1, keepdims=True)
        loss = -np.log(out[rows, y]).mean()
        out[rows, y] -= 1
        out /= f32(len(x))
        return loss, out

    def step():
        hidden = [x]
        for i in range(count - 1):
            z = hidden[-1] @ weights[2 * i]
            z += weights[2 * i + 1]
            hidden.append(np.tanh(z, out=z) if task.sgd else np.maximum(z, f32(0), out=z))
        out = hidden[-1] @ weights[-2]
        out += weights[-1]
        _, d = output_gradient(out)
        gradients = [None] * len(weights)
        for i in reversed(range(count)):
            gradients[2 * i] = hidden[i].T @ d
            gradients[2 * i + 1] = d.sum(0)
            if i:
                d = d @ weights[2 * i].T
                d *= (1 - hidden[i] ** 2) if task.sgd else (hidden[i] > 0)
        update(gradients)
    return step


def predict_row():
    k1, b1 = worker.glorot(random, 784, 128), np.zeros(128, f32)
    k2, b2 = worker.glorot(random, 128, 10), np.zeros(10, f32)
    x = worker.row()

    def step():
        out = np.maximum(x @ k1 + b1, f32(0)) @ k2 + b2
        out = np.exp(out - out.max())
        return out / out.sum()
    return step


def gemm(n):
    a, b, out = (worker.floats((n, n), seed) for seed in (1, 2, 3))
    return lambda: np.matmul(a, b, out=out)


def kernel(op, count=1, numbers=worker.kernel_numbers):
    def make():
        inputs = [numbers(i + 1) for i in range(count)]
        out = np.empty_like(inputs[0])
        return lambda: op(*inputs, out=out)
    return make


worker.serve(f"numpy {np.__version__}", {
    "small_ops_forward": small_ops,
    "dot_tiny": dot_tiny,
    "dot_vec": dot_vec,
    "dot_attn": dot_attn,
    **worker.for_names(worker.SIZES, train),
    "predict_row": predict_row,
    **{f"gemm_{n}": (lambda n=n: gemm(n)) for n in worker.GEMM_SIZES},
    "kernel_add": kernel(np.add, 2),
    "kernel_exp": kernel(np.exp),
    "kernel_log": kernel(np.log, numbers=worker.positive),
    "kernel_tanh": kernel(np.tanh),
})
