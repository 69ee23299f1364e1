"""The workloads in Keras on TensorFlow: eager ops, and train_on_batch for models."""
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = ""
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy as np
import tensorflow as tf
import keras


from worker import serve

THREADS = int(os.environ.get("BENCH_THREADS", "1"))
tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)
keras.utils.set_random_seed(0)
random = np.random.default_rng(0)
OPS = 1000
layers = keras.layers


def small_ops(gradient):
    x = tf.constant(random.random(16, dtype=np.float32))
    a = tf.fill((16,), 0.999)

    def forward():
        y = x
        for _ in range(OPS):
            y = y * a
        return y

    def backward():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = forward()
        return tape.gradient(y, x)
    return (backward if gradient else forward), OPS


def dot_tiny():
    x = tf.reshape(tf.range(10.0), (1, 5, 2))
    y = tf.reshape(tf.range(10.0, 20.0), (1, 2, 5))
    dot = layers.Dot(axes=(1, 2))
    return (lambda: dot([x, y])), 1


def dot(attention, normalized):
    shape = (16, 128, 64) if attention else (256, 64)
    a, b = (tf.constant(random.normal(size=shape).astype(np.float32)) for _ in range(2))
    layer = layers.Dot(axes=2 if attention else 1, normalize=normalized)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            tape.watch([a, b])
            z = layer([a, b])
        return tape.gradient(z, [a, b])
    return step, 1


def gemm(n):
    a, b = (tf.constant(random.normal(size=(n, n)).astype(np.float32)) for _ in range(2))
    return (lambda: tf.matmul(a, b)), 1


def train(model, x, y, loss, optimizer=None):
    model.compile(optimizer=optimizer or keras.optimizers.Adam(1e-4), loss=loss)
    return (lambda: model.train_on_batch(x, y)), 1


def classifier(batch, *sizes):
    hidden = [layers.Dense(n, "relu") for n in sizes[1:-1]]
    model = keras.Sequential([keras.Input((sizes[0],)), *hidden, layers.Dense(sizes[-1], "softmax")])
    x = random.random((batch, sizes[0]), dtype=np.float32)
    return train(model, x, random.integers(0, sizes[-1], batch), "sparse_categorical_crossentropy")


def xor():
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([[0], [1], [1], [0]], np.float32)
    model = keras.Sequential([keras.Input((2,)), layers.Dense(8, "tanh"), layers.Dense(1, "sigmoid")])
    return train(model, x, y, "binary_crossentropy", keras.optimizers.SGD(0.1))


def two_tower():
    user, item = keras.Input((1,), dtype="int32"), keras.Input((1,), dtype="int32")
    match = layers.Dot(axes=1)([layers.Flatten()(layers.Embedding(10000, 32)(user)),
                                layers.Flatten()(layers.Embedding(5000, 32)(item))])
    model = keras.Model([user, item], layers.Dense(1, "sigmoid")(match))
    x = [random.integers(0, 10000, (256, 1)).astype(np.int32), random.integers(0, 5000, (256, 1)).astype(np.int32)]
    return train(model, x, random.integers(0, 2, (256, 1)).astype(np.float32), "binary_crossentropy")


def siamese():
    tower = keras.Sequential([keras.Input((128,)), layers.Dense(64, "relu"), layers.Dense(32)])
    a, b = keras.Input((128,)), keras.Input((128,))
    model = keras.Model([a, b], layers.Dot(axes=1, normalize=True)([tower(a), tower(b)]))
    x = [random.random((64, 128), dtype=np.float32) for _ in range(2)]
    return train(model, x, random.random((64, 1), dtype=np.float32), "mse")


serve({
    "small_ops_forward": lambda: small_ops(False),
    "small_ops_gradient": lambda: small_ops(True),
    "dot_tiny": dot_tiny,
    "dot_vec": lambda: dot(False, False),
    "dot_vec_normalized": lambda: dot(False, True),
    "dot_attn": lambda: dot(True, False),
    "dot_attn_normalized": lambda: dot(True, True),
    **{f"gemm_{n}": (lambda n=n: gemm(n)) for n in (16, 32, 64, 128, 256, 512, 1024)},
    "xor_mlp": xor,
    "iris_mlp": lambda: classifier(32, 4, 16, 3),
    "mnist_mlp_small": lambda: classifier(32, 784, 128, 10),
    "mnist_mlp_big": lambda: classifier(128, 784, 512, 512, 10),
    "two_tower": two_tower,
    "siamese": siamese,
})
