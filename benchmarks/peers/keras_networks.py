"""The workloads' networks in Keras, whatever its backend."""
import keras

import worker

layers = keras.layers


def one_row(name):
    """What a prediction is made of."""
    return worker.row() if name == "mnist_mlp_small" else worker.task(name).x[0][:1]


def model(name):
    if name in worker.MIXED:
        keras.config.set_dtype_policy("mixed_bfloat16")
        try:
            return model(worker.MIXED[name])
        finally:
            keras.config.set_dtype_policy("float32")
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
        return keras.Sequential([keras.Input((50, 32)), layer(64), layers.Dense(1, dtype="float32")])
    if name == worker.TEXT:
        return keras.Sequential([keras.Input((None,), dtype="int32"), layers.Embedding(5000, 32, mask_zero=True),
                                 layers.Bidirectional(layers.LSTM(32)), layers.Dense(1, "sigmoid")])
    if name in worker.CONVOLUTIONS:
        return convolutions(name)
    if name == "transformer":
        x = keras.Input((64, 64))
        h = layers.LayerNormalization(epsilon=1e-5)(x + layers.MultiHeadAttention(4, 16)(x, x))
        hidden = layers.Dense(64)(layers.Dense(256, "relu")(h))
        h = layers.LayerNormalization(epsilon=1e-5)(h + hidden)
        mean = layers.GlobalAveragePooling1D()(h)
        return keras.Model(x, layers.Dense(2, "softmax", dtype="float32")(mean))
    first, *hidden, last = worker.SIZES[name]
    inner, outer = ("tanh", "sigmoid") if name == "xor_mlp" else ("relu", "softmax")
    return keras.Sequential([keras.Input((first,)), *[layers.Dense(n, inner) for n in hidden],
                             layers.Dense(last, outer, dtype="float32")])


def convolutions(name):
    if name == "cnn":
        return keras.Sequential([keras.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"),
                                 layers.MaxPooling2D(), layers.Conv2D(64, 3, activation="relu"),
                                 layers.MaxPooling2D(), layers.Flatten(), layers.Dropout(0.5),
                                 layers.Dense(10, "softmax", dtype="float32")])
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
