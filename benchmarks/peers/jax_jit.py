"""The workloads in JAX, compiled with jit."""
import os

os.environ.update(JAX_PLATFORMS="cpu")
if os.environ.get("BENCH_THREADS", "1") == "1":
    os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_cpu_multi_thread_eigen=false"

import jax
import jax.numpy as jnp
import numpy as np

import worker

random = np.random.default_rng(0)
finish = jax.block_until_ready


def compiled(f, *arguments):
    compiled_f, arguments = jax.jit(f), [jnp.asarray(v) for v in arguments]
    return lambda: finish(compiled_f(*arguments))


def chain(x):
    return worker.chain(x, jnp.full(16, 1.01), jnp.full(16, 0.01), jnp.tanh)


def small_ops(gradient):
    x = jnp.full(16, 0.5)
    return compiled(jax.grad(lambda x: chain(x).sum()) if gradient else chain, x), worker.OPS


def normalize(x):
    return x * jax.lax.rsqrt(jnp.maximum((x * x).sum(-1, keepdims=True), 1e-12))


def dot(attention, normalized):
    def forward(a, b):
        if normalized:
            a, b = normalize(a), normalize(b)
        return jnp.einsum("bid,bjd->bij", a, b) if attention else (a * b).sum(1, keepdims=True)

    def step(a, b):
        out, backward = jax.vjp(forward, a, b)
        return out, backward(jnp.ones_like(out))
    return compiled(step, *worker.dot_inputs(attention))


def initial(name):
    dense = lambda rows, columns: (worker.glorot(random, rows, columns), np.zeros(columns, np.float32))
    if name == "two_tower":
        table = lambda rows: random.uniform(-0.05, 0.05, (rows, 32)).astype(np.float32)
        weights = table(10000), table(5000), dense(1, 1)
    elif name in worker.SEQUENCES:
        width = 64 * (4 if name == "lstm" else 3)
        weights = dense(32, width), dense(64, width), dense(64, 1)
    elif name == "transformer":
        norm = np.ones(64, np.float32), np.zeros(64, np.float32)
        sizes = [(64, 64)] * 4 + [(64, 256), (256, 64), (64, 2)]
        weights = [dense(*pair) for pair in sizes], norm, norm
    else:
        sizes = (128, 64, 32) if name == "siamese" else worker.SIZES[name]
        weights = [dense(*pair) for pair in zip(sizes, sizes[1:])]
    return jax.tree.map(jnp.asarray, weights)


def layers(weights, x, activation):
    for kernel, bias in weights[:-1]:
        x = activation(x @ kernel + bias)
    return x @ weights[-1][0] + weights[-1][1]


def affine(x, weights):
    return x @ weights[0] + weights[1]


def lstm_step(states, x, weights):
    h, c = states
    i, f, g, o = jnp.split(x + h @ weights[0], 4, axis=1)
    c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
    return (jax.nn.sigmoid(o) * jnp.tanh(c), c), None


def gru_step(states, x, weights):
    h, unused = states
    x_update, x_reset, x_new = jnp.split(x, 3, axis=1)
    h_update, h_reset, h_new = jnp.split(affine(h, weights), 3, axis=1)
    update = jax.nn.sigmoid(x_update + h_update)
    new = jnp.tanh(x_new + jax.nn.sigmoid(x_reset + h_reset) * h_new)
    return (update * h + (1 - update) * new, unused), None


def sequence(name, weights, x):
    of_input, of_state, of_output = weights
    step = lstm_step if name == "lstm" else gru_step
    zeros = jnp.zeros((x.shape[0], 64))
    inputs = affine(x, of_input).transpose(1, 0, 2)
    states, _ = jax.lax.scan(lambda s, v: step(s, v, of_state), (zeros, zeros), inputs)
    return affine(states[0], of_output)


def norm_with(x, gains, epsilon=1e-5):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(-1, keepdims=True) + epsilon) * gains[0] + gains[1]


def transformer(weights, x):
    (query, key, value, output, wide, narrow, last), first_norm, second_norm = weights
    heads = lambda w: affine(x, w).reshape(*x.shape[:2], 4, 16)
    fits = jax.nn.softmax(jnp.einsum("bqhd,bkhd->bhqk", heads(query) / 4, heads(key)))
    attended = jnp.einsum("bhqk,bkhd->bqhd", fits, heads(value)).reshape(x.shape)
    h = norm_with(x + affine(attended, output), first_norm)
    h = norm_with(h + affine(jax.nn.relu(affine(h, wide)), narrow), second_norm)
    return affine(h.mean(1), last)


def forward(name, weights, x):
    if name in worker.SEQUENCES:
        return sequence(name, weights, x[0])
    if name == "transformer":
        return transformer(weights, x[0])
    if name == "two_tower":
        users, items, (kernel, bias) = weights
        return (users[x[0][:, 0]] * items[x[1][:, 0]]).sum(1, keepdims=True) @ kernel + bias
    if name == "siamese":
        a, b = (normalize(layers(weights, v, jax.nn.relu)) for v in x)
        return (a * b).sum(1, keepdims=True)
    return layers(weights, x[0], jnp.tanh if name == "xor_mlp" else jax.nn.relu)


LOSSES = {"binary": lambda o, y: (jnp.maximum(o, 0) - o * y + jnp.log1p(jnp.exp(-abs(o)))).mean(),
          "classes": lambda o, y: -jnp.take_along_axis(jax.nn.log_softmax(o), y[:, None], 1).mean(),
          "mse": lambda o, y: ((o - y) ** 2).mean()}


def train(name):
    task = worker.task(name)
    x, y = [jnp.asarray(v) for v in task.x], jnp.asarray(task.y)
    tree_map, rate = jax.tree.map, task.rate

    def step(state, x, y):
        weights, m, v, t = state
        loss, g = jax.value_and_grad(lambda w: LOSSES[task.loss](forward(name, w, x), y))(weights)
        if task.sgd:
            return (tree_map(lambda w, g: w - rate * g, weights, g), m, v, t), loss
        t = t + 1
        m = tree_map(lambda m, g: 0.9 * m + 0.1 * g, m, g)
        v = tree_map(lambda v, g: 0.999 * v + 0.001 * g * g, v, g)
        a = rate * jnp.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t)
        weights = tree_map(lambda w, m, v: w - a * m / (jnp.sqrt(v) + 1e-7), weights, m, v)
        return (weights, m, v, t), loss

    compiled_step = jax.jit(step, donate_argnums=0)
    weights = initial(name)
    zeros = lambda: 0.0 if task.sgd else tree_map(jnp.zeros_like, weights)
    state = [weights, zeros(), zeros(), jnp.float32(0)]

    def run():
        nonlocal state
        state, loss = compiled_step(state, x, y)
        finish(loss)
    return run


def predict_row():
    weights, x = initial("mnist_mlp_small"), worker.row()
    f = jax.jit(lambda x: jax.nn.softmax(layers(weights, x, jax.nn.relu)))
    on_device = jnp.asarray(x)
    return worker.best_of(lambda: lambda: np.asarray(f(x)), lambda: lambda: np.asarray(f(on_device)))()


def predict_block(name):
    weights, x = initial(name), worker.task(name).x[0][:1]
    f = jax.jit(lambda x: forward(name, weights, [x]))
    return lambda: np.asarray(f(x))


def layer_norm(x):
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred * centred).mean(-1, keepdims=True) + 1e-3)


def batch_norm(x, gamma, beta, dy):
    def forward(x, gamma, beta):
        mean = x.mean(0)
        variance = jnp.square(x - mean).mean(0)
        return (x - mean) * (jax.lax.rsqrt(variance + 1e-3) * gamma) + beta, (mean, variance)

    y, backward, moments = jax.vjp(forward, x, gamma, beta, has_aux=True)
    return y, moments, backward(dy)


def batch_norm_step():
    ones, zeros = np.ones(SHAPE[1], np.float32), np.zeros(SHAPE[1], np.float32)
    moving, momentum = (zeros, ones), 0.99

    def step(x, gamma, beta, dy, moving):
        y, moments, grads = batch_norm(x, gamma, beta, dy)
        return y, grads, [a * momentum + b * (1 - momentum) for a, b in zip(moving, moments)]
    values = worker.floats(SHAPE, 1), ones, zeros, worker.floats(SHAPE, 2)
    return compiled(lambda *v: step(*v[:4], v[4:]), *values, *moving)


def kernel(op, *shapes):
    return lambda: compiled(op, *(worker.floats(shape, i + 1) for i, shape in enumerate(shapes)))


SHAPE = worker.KERNEL_SHAPE
worker.serve(f"jax {jax.__version__}", {
    "small_ops_compiled": lambda: small_ops(False),
    "small_ops_compiled_gradient": lambda: small_ops(True),
    "dot_tiny": lambda: compiled(lambda x, y: jnp.einsum("bij,bki->bjk", x, y), *worker.tiny_inputs()),
    "dot_vec": lambda: dot(False, False),
    "dot_vec_normalized": lambda: dot(False, True),
    "dot_attn": lambda: dot(True, False),
    "dot_attn_normalized": lambda: dot(True, True),
    **worker.for_names((*worker.MODELS, *worker.BLOCKS), train),
    **{f"predict_{name}": (lambda name=name: predict_block(name)) for name in worker.BLOCKS},
    "predict_row": predict_row,
    **{f"gemm_{n}": kernel(jnp.matmul, (n, n), (n, n)) for n in worker.GEMM_SIZES},
    "kernel_add": kernel(jnp.add, SHAPE, SHAPE),
    "kernel_exp": kernel(jnp.exp, SHAPE),
    "kernel_log": lambda: compiled(jnp.log, worker.positive()),
    "kernel_tanh": kernel(jnp.tanh, SHAPE),
    "kernel_sigmoid": kernel(jax.nn.sigmoid, SHAPE),
    "kernel_softmax": kernel(jax.nn.softmax, SHAPE),
    "kernel_layer_norm": kernel(layer_norm, SHAPE),
    "kernel_batch_norm": batch_norm_step,
})
