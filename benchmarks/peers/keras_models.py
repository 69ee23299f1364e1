"""The workloads in Keras, on the backend that the argument names: tensorflow or jax."""
import os
import sys

BACKEND = sys.argv[1]
os.environ.update(KERAS_BACKEND=BACKEND, CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import worker

if BACKEND == "tensorflow":
    import tensorflow as backend
    backend.config.threading.set_intra_op_parallelism_threads(worker.THREADS)
    backend.config.threading.set_inter_op_parallelism_threads(worker.THREADS)
else:
    import jax as backend
import keras

layers = keras.layers
keras.utils.set_random_seed(0)
finish = backend.block_until_ready if BACKEND == "jax" else (lambda value: value)


def dot_tiny():
    inputs = [keras.ops.convert_to_tensor(v) for v in worker.tiny_inputs()]
    dot = layers.Dot(axes=(1, 2))
    return lambda: finish(dot(inputs))


def dot(attention, normalized):
    a, b = (keras.ops.convert_to_tensor(v) for v in worker.dot_inputs(attention))
    layer = layers.Dot(axes=2 if attention else 1, normalize=normalized)
    layer([a, b])
    if BACKEND == "jax":
        @backend.jit
        def both(a, b):
            out, backward = backend.vjp(lambda a, b: layer([a, b]), a, b)
            return out, backward(keras.ops.ones_like(out))
        return lambda: finish(both(a, b))

    @backend.function
    def step():
        with backend.GradientTape() as tape:
            tape.watch([a, b])
            out = layer([a, b])
        return out, tape.gradient(out, [a, b])
    return step


def model(name):
    if name == "two_tower":
        user, item = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")
        match = layers.Dot(axes=1)([layers.Flatten()(layers.Embedding(10000, 32)(user)),
                                    layers.Flatten()(layers.Embedding(5000, 32)(item))])
        return keras.Model([user, item], layers.Dense(1, "sigmoid")(match))
    if name == "siamese":
        tower = keras.Sequential([keras.Input((128,)), layers.Dense(64, "relu"), layers.Dense(32)])
        a, b = keras.Input((128,)), keras.Input((128,))
        return keras.Model([a, b], layers.Dot(axes=1, normalize=True)([tower(a), tower(b)]))
    if name in worker.SEQUENCES:
        layer = layers.LSTM if name == "lstm" else layers.GRU
        return keras.Sequential([keras.Input((50, 32)), layer(64), layers.Dense(1)])
    if name in worker.CONVOLUTIONS:
        return convolutions(name)
    if name == "transformer":
        x = keras.Input((64, 64))
        h = layers.LayerNormalization(epsilon=1e-5)(x + layers.MultiHeadAttention(4, 16)(x, x))
        hidden = layers.Dense(64)(layers.Dense(256, "relu")(h))
        h = layers.LayerNormalization(epsilon=1e-5)(h + hidden)
        return keras.Model(x, layers.Dense(2, "softmax")(layers.GlobalAveragePooling1D()(h)))
    first, *hidden, last = worker.SIZES[name]
    inner, outer = ("tanh", "sigmoid") if name == "xor_mlp" else ("relu", "softmax")
    return keras.Sequential([keras.Input((first,)), *[layers.Dense(n, inner) for n in hidden],
                             layers.Dense(last, outer)])


def convolutions(name):
    if name == "cnn":
        return keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"),
                                 layers.MaxPooling2D(), layers.Conv2D(64, 3, activation="relu"),
                                 layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5),
                                 layers.Dense(10, "softmax")])
    x = keras.Input(worker.CONVOLUTIONS[name][1:])
    if name == "conv1d_stack":
        h = x
        for dilation in (1, 2, 4, 8, 16, 32):
            h = layers.Conv1D(32, 3, padding="causal", dilation_rate=dilation, activation="relu")(h)
        return keras.Model(x, layers.Conv1D(1, 1)(h))
    relu, norm = layers.Activation("relu"), layers.BatchNormalization
    conv = lambda filters, size: layers.Conv2D(filters, size, padding="same", use_bias=False)
    if name == "residual":
        h = norm()(conv(16, 3)(relu(norm()(conv(16, 3)(x)))))
        y = relu(layers.Add()([x, h]))
    else:
        h = relu(norm()(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)))
        y = relu(norm()(conv(64, 1)(h)))
    return keras.Model(x, layers.Dense(10, "softmax")(layers.GlobalAveragePooling2D()(y)))


LOSSES = {"binary": "binary_crossentropy", "classes": "sparse_categorical_crossentropy", "mse": "mse"}


def compiled(task, jit):
    network = model(task.name)
    optimizer = keras.optimizers.SGD(task.rate) if task.sgd else keras.optimizers.Adam(task.rate)
    network.compile(optimizer=optimizer, loss=LOSSES[task.loss], jit_compile=jit)
    return network, task.x if len(task.x) > 1 else task.x[0], task.y


def train(name):
    def way(jit):
        network, x, y = compiled(worker.task(name), jit)
        return lambda: network.train_on_batch(x, y)
    if BACKEND == "jax":
        return way("auto")
    return worker.best_of(lambda: way("auto"), lambda: way(True))()


def fit(name):
    network, x, y = compiled(worker.task(name, worker.FIT_STEPS), "auto")
    batch = len(x) // worker.FIT_STEPS
    return lambda: network.fit(x, y, batch_size=batch, verbose=0), worker.FIT_STEPS


def predict_row():
    network, x = model("mnist_mlp_small"), worker.row()
    return lambda: network.predict_on_batch(x)


def predict_block(name):
    network, x = model(name), worker.task(name).x[0][:1]
    return lambda: network.predict_on_batch(x)


worker.serve(f"keras {keras.__version__} on {BACKEND} {backend.__version__}", {
    "dot_tiny": dot_tiny,
    "dot_vec": lambda: dot(False, False),
    "dot_vec_normalized": lambda: dot(False, True),
    "dot_attn": lambda: dot(True, False),
    "dot_attn_normalized": lambda: dot(True, True),
    **worker.for_names((*worker.MODELS, *worker.BLOCKS, *worker.CONVOLUTIONS), train),
    **{f"predict_{name}": (lambda name=name: predict_block(name)) for name in worker.BLOCKS},
    "predict_cnn": lambda: predict_block("cnn"),
    "predict_row": predict_row,
    "fit_iris": lambda: fit("iris_mlp"),
    "fit_mnist_small": lambda: fit("mnist_mlp_small"),
})
