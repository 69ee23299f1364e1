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

from keras_networks import layers, model, one_row

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


def predict(name):
    network, x = model(name), one_row(name)
    return lambda: network.predict_on_batch(x)


worker.serve(f"keras {keras.__version__} on {BACKEND} {backend.__version__}", {
    "dot_tiny": dot_tiny,
    "dot_vec": lambda: dot(False, False),
    "dot_vec_normalized": lambda: dot(False, True),
    "dot_attn": lambda: dot(True, False),
    "dot_attn_normalized": lambda: dot(True, True),
    **worker.for_names((*worker.MODELS, *worker.MIXED, *worker.BLOCKS, worker.TEXT, *worker.CONVOLUTIONS), train),
    **{f"predict_{name}": (lambda name=name: predict(name)) for name in worker.BLOCKS},
    "predict_cnn": lambda: predict("cnn"),
    "predict_row": lambda: predict("mnist_mlp_small"),
    "fit_iris": lambda: fit("iris_mlp"),
    "fit_mnist_small": lambda: fit("mnist_mlp_small"),
})
