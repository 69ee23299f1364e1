"""The workloads in TensorFlow: eager for single ops, tf.function (with or without XLA, whichever is
faster) for steps."""
import os

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import tensorflow as tf

import worker

tf.config.threading.set_intra_op_parallelism_threads(worker.THREADS)
tf.config.threading.set_inter_op_parallelism_threads(worker.THREADS)


def function(body, *arguments):
    def way(jit):
        compiled = tf.function(body, jit_compile=jit)
        return lambda: compiled(*arguments)
    return worker.best_of(lambda: way(False), lambda: way(True))()


def small_ops(gradient):
    x, factor, term = (tf.fill((16,), value) for value in (0.5, 1.01, 0.01))

    def forward():
        return worker.chain(x, factor, term, tf.tanh)

    def backward():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = forward()
        return tape.gradient(y, x)
    return backward if gradient else forward


def compiled_small_ops(gradient):
    step = tf.function(small_ops(gradient))
    return step, worker.OPS


def dot_tiny():
    x, y = map(tf.constant, worker.tiny_inputs())
    return lambda: tf.matmul(x, y, transpose_a=True, transpose_b=True)


def dot(attention, normalized):
    def step(a, b):
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            x, y = (tf.nn.l2_normalize(v, -1) for v in (a, b)) if normalized else (a, b)
            out = tf.matmul(x, y, transpose_b=True) if attention else tf.reduce_sum(x * y, 1, keepdims=True)
        return out, tape.gradient(out, [a, b])
    return function(step, *map(tf.constant, worker.dot_inputs(attention)))


def variables(name):
    initial = tf.keras.initializers.GlorotUniform(0)
    if name == "two_tower":
        return [tf.Variable(initial(shape)) for shape in ((10000, 32), (5000, 32), (1, 1))] + [tf.Variable(tf.zeros(1))]
    sizes = (128, 64, 32) if name == "siamese" else worker.SIZES[name]
    made = []
    for rows, columns in zip(sizes, sizes[1:]):
        made += [tf.Variable(initial((rows, columns))), tf.Variable(tf.zeros(columns))]
    return made


def layers(x, weights, activation):
    for i in range(0, len(weights) - 2, 2):
        x = activation(tf.matmul(x, weights[i]) + weights[i + 1])
    return tf.matmul(x, weights[-2]) + weights[-1]


def forward(name, weights, x):
    if name == "two_tower":
        user, item = (tf.reshape(tf.gather(table, ids), (-1, 32)) for table, ids in zip(weights, x))
        return tf.matmul(tf.reduce_sum(user * item, 1, keepdims=True), weights[2]) + weights[3]
    if name == "siamese":
        a, b = (tf.nn.l2_normalize(layers(v, weights, tf.nn.relu), 1) for v in x)
        return tf.reduce_sum(a * b, 1, keepdims=True)
    return layers(x[0], weights, tf.tanh if name == "xor_mlp" else tf.nn.relu)


LOSSES = {"binary": lambda y, out: tf.nn.sigmoid_cross_entropy_with_logits(y, out),
          "classes": lambda y, out: tf.nn.sparse_softmax_cross_entropy_with_logits(y, out),
          "mse": lambda y, out: (out - y) ** 2}


def train(name):
    task = worker.task(name)
    x, y = [tf.constant(v) for v in task.x], tf.constant(task.y)

    def way(jit):
        weights = variables(name)
        optimizer = (tf.keras.optimizers.SGD if task.sgd else tf.keras.optimizers.Adam)(task.rate)
        optimizer.build(weights)

        @tf.function(jit_compile=jit)
        def step(x, y):
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean(LOSSES[task.loss](y, forward(name, weights, x)))
            optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights))
            return loss
        return lambda: step(x, y)
    return worker.best_of(lambda: way(False), lambda: way(True))()


def predict_row():
    weights = variables("mnist_mlp_small")
    step = function(lambda x: tf.nn.softmax(layers(x, weights, tf.nn.relu)), tf.constant(worker.row()))
    return lambda: step().numpy()


def eager(op, *shapes):
    return lambda: (lambda inputs: lambda: op(*inputs))([tf.constant(worker.floats(s, i + 1))
                                                        for i, s in enumerate(shapes)])


SHAPE = worker.KERNEL_SHAPE
worker.serve(f"tensorflow {tf.__version__}", {
    "small_ops_forward": lambda: (small_ops(False), worker.OPS),
    "small_ops_gradient": lambda: (small_ops(True), worker.OPS),
    "small_ops_compiled": lambda: compiled_small_ops(False),
    "small_ops_compiled_gradient": lambda: compiled_small_ops(True),
    "dot_tiny": dot_tiny,
    "dot_vec": lambda: dot(False, False),
    "dot_vec_normalized": lambda: dot(False, True),
    "dot_attn": lambda: dot(True, False),
    "dot_attn_normalized": lambda: dot(True, True),
    **worker.for_names(worker.MODELS, train),
    "predict_row": predict_row,
    **{f"gemm_{n}": eager(tf.matmul, (n, n), (n, n)) for n in worker.GEMM_SIZES},
    "kernel_add": eager(tf.add, SHAPE, SHAPE),
    "kernel_exp": eager(tf.exp, SHAPE),
    "kernel_log": lambda: (lambda x: lambda: tf.math.log(x))(tf.constant(worker.positive())),
    "kernel_tanh": eager(tf.tanh, SHAPE),
    "kernel_sigmoid": eager(tf.sigmoid, SHAPE),
    "kernel_softmax": eager(tf.nn.softmax, SHAPE),
})
