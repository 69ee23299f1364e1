"""Writes small model files of several generations, and what Keras computes from them.

usage: python make_files.py [FOLDER]      (files/ beside this script)

Keras 3's files are written by Keras, those of tf.keras's last version by tf_keras. Those of older versions
are laid out here as these versions did (their Python runs no more), around the weights of a Keras 3 model
that computes the same. For each file
NAME, files.npz holds NAME/in_0, NAME/out_0 (inference) and, where the model is compiled, NAME/y and
NAME/loss: the losses of three steps of training on in_0 from the file's state on.
Needs keras 3.15 on TensorFlow, tf_keras 2.21, h5py and numpy.
"""
import json
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import keras
import numpy as np
import tf_keras as old

L = keras.layers
ARRAYS = {}


def data(*shape):
    return np.random.default_rng(len(ARRAYS) + 1).normal(size=shape).astype("float32")


def record(name, model, x, y=None):
    ARRAYS[f"{name}/in_0"] = x
    ARRAYS[f"{name}/out_0"] = np.asarray(model(x, training=False))
    if y is not None:
        ARRAYS[f"{name}/y"] = y
        ARRAYS[f"{name}/loss"] = np.array([model.train_on_batch(x, y, return_dict=True)["loss"] for _ in range(3)], "float32")


def set_seeded(model, seed):
    r = np.random.default_rng(seed)
    for w in model.weights:
        v = r.normal(scale=0.5, size=w.shape)
        w.assign(np.abs(v) + 0.5 if "variance" in w.name else v)


def nested():
    x = keras.Input((4,), name="x")
    inner = keras.Sequential([keras.Input((6,)), L.Dense(5, activation="tanh", name="inside")], name="inner")
    shared = L.Dense(6, activation="relu", name="shared")
    a = inner(L.BatchNormalization(name="norm")(shared(x)))
    b = inner(shared(x))
    model = keras.Model(x, L.Dense(2, name="out")(L.Add(name="add")([a, b])), name="nested")
    set_seeded(model, 1)
    return model


def keras3(folder):
    for name, optimizer in (
        ("adam", keras.optimizers.Adam(0.01)),
        ("sgd_schedule", keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.05, 3, 0.9), momentum=0.9)),
        ("rmsprop", keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True)),
    ):
        model = nested()
        model.compile(optimizer, "mean_squared_error", metrics=["mae"])
        x, y = data(8, 4), data(8, 2)
        for _ in range(2):
            model.train_on_batch(x, y)
        file = f"keras3_{name}"
        model.save(f"{folder}/{file}.keras")
        if name == "adam":
            model.save(f"{folder}/{file}.h5")
            model.save_weights(f"{folder}/{file}.weights.h5")
        record(file + ".keras", model, x, y)


def write_legacy(path, config, training, version, backend, layers, optimizer=()):
    """layers: (name, [(weight name, array)]) in order; optimizer: (name, array)."""
    def group(parent, name, weights):
        g = parent.create_group(name)
        g.attrs["weight_names"] = np.array([n.encode() for n, _ in weights]) if weights else np.zeros(0)
        for n, v in weights:
            g[n] = v
    with h5py.File(path, "w") as f:
        f.attrs["keras_version"] = version
        f.attrs["model_config"] = json.dumps(config)
        if training:
            f.attrs["training_config"] = json.dumps(training)
        g = f.create_group("model_weights")
        g.attrs["keras_version"] = version
        if backend:
            f.attrs["backend"] = g.attrs["backend"] = backend
        g.attrs["layer_names"] = np.array([n.encode() for n, _ in layers])
        for name, weights in layers:
            group(g, name, weights)
        if optimizer:
            group(f, "optimizer_weights", list(optimizer))


def arrays(layer):
    return [np.asarray(w) for w in layer.weights]


def keras1(folder):
    model = keras.Sequential([
        keras.Input((5, 6, 2)), L.Conv2D(3, (2, 3), padding="same", activation="relu"), L.Dropout(0.5),
        L.Flatten(), L.Dense(4, activation="softmax")])
    set_seeded(model, 2)
    none = {f"{w}_{k}": None for w in "Wb" for k in ("regularizer", "constraint")}
    config = {"class_name": "Sequential", "config": [
        {"class_name": "Convolution2D", "config": {
            "name": "convolution2d_1", "trainable": True, "batch_input_shape": [None, 5, 6, 2], "input_dtype": "float32",
            "nb_filter": 3, "nb_row": 2, "nb_col": 3, "init": "glorot_uniform", "activation": "relu", "border_mode": "same",
            "subsample": [1, 1], "dim_ordering": "tf", "activity_regularizer": None, "bias": True, **none}},
        {"class_name": "Dropout", "config": {"name": "dropout_1", "trainable": True, "p": 0.5}},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {"class_name": "Dense", "config": {
            "name": "dense_1", "trainable": True, "output_dim": 4, "init": "glorot_uniform", "activation": "softmax",
            "activity_regularizer": None, "bias": True, "input_dim": 90, **none}}]}
    conv, dense = arrays(model.layers[0]), arrays(model.layers[3])
    training = {"optimizer_config": {"class_name": "SGD", "config": {"lr": 0.01, "momentum": 0.0, "decay": 0.0, "nesterov": False}},
                "loss": "categorical_crossentropy", "metrics": ["accuracy"], "sample_weight_mode": None, "loss_weights": None}
    write_legacy(f"{folder}/keras1_conv.h5", config, training, "1.2.2", None, [
        ("convolution2d_1", [("convolution2d_1_W:0", conv[0]), ("convolution2d_1_b:0", conv[1])]),
        ("dropout_1", []), ("flatten_1", []),
        ("dense_1", [("dense_1_W:0", dense[0]), ("dense_1_b:0", dense[1])])])
    record("keras1_conv.h5", model, data(3, 5, 6, 2))


def theano(folder):
    model = keras.Sequential([
        keras.Input((5, 6, 2)), L.Conv2D(3, (2, 3), strides=(1, 2), use_bias=False), L.BatchNormalization(), L.Flatten(),
        L.Dense(2)])
    set_seeded(model, 3)
    start = {"class_name": "VarianceScaling", "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None}}
    zeros, ones = ({"class_name": c, "config": {}} for c in ("Zeros", "Ones"))
    common = {"kernel_regularizer": None, "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None,
              "bias_constraint": None, "kernel_initializer": start, "bias_initializer": zeros, "activation": "linear"}
    config = {"class_name": "Sequential", "config": [
        {"class_name": "Conv2D", "config": {
            "name": "conv2d_1", "trainable": True, "batch_input_shape": [None, 5, 6, 2], "dtype": "float32", "filters": 3,
            "kernel_size": [2, 3], "strides": [1, 2], "padding": "valid", "data_format": "channels_last",
            "dilation_rate": [1, 1], "use_bias": False, **common}},
        {"class_name": "BatchNormalization", "config": {
            "name": "batch_normalization_1", "trainable": True, "axis": -1, "momentum": 0.99, "epsilon": 0.001, "center": True,
            "scale": True, "beta_initializer": zeros, "gamma_initializer": ones, "moving_mean_initializer": zeros,
            "moving_variance_initializer": ones, "beta_regularizer": None, "gamma_regularizer": None, "beta_constraint": None,
            "gamma_constraint": None}},
        {"class_name": "Flatten", "config": {"name": "flatten_1", "trainable": True}},
        {"class_name": "Dense", "config": {"name": "dense_1", "trainable": True, "units": 2, "use_bias": True, **common}}]}
    conv, norm, dense = (arrays(model.layers[i]) for i in (0, 1, 3))
    names = [f"batch_normalization_1/{n}:0" for n in ("gamma", "beta", "moving_mean", "moving_variance")]
    write_legacy(f"{folder}/theano_conv.h5", config, None, "2.1.3", "theano", [
        ("conv2d_1", [("conv2d_1/kernel:0", conv[0][::-1, ::-1])]),
        ("batch_normalization_1", list(zip(names, norm))), ("flatten_1", []),
        ("dense_1", [("dense_1/kernel:0", dense[0]), ("dense_1/bias:0", dense[1])])])
    record("theano_conv.h5", model, data(3, 5, 6, 2))


def tf_keras(folder):
    """A nested model of tf.keras 2.4 with the slots of its old Adam."""
    def build():
        x = keras.Input((4,), name="x")
        y = keras.Input((6,), name="y")
        inner = keras.Model(y, L.Dense(5, activation="tanh", name="inside")(y), name="inner")
        return keras.Model(x, L.Dense(2, name="out")(inner(L.Dense(6, name="first")(x))), name="outer")
    model = build()
    set_seeded(model, 4)
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error", metrics=["mae"])
    x, y = data(8, 4), data(8, 2)
    for _ in range(2):
        model.train_on_batch(x, y)
    start = {"class_name": "GlorotUniform", "config": {"seed": None}}

    def dense(name, units, activation):
        return {"class_name": "Dense", "config": {
            "name": name, "trainable": True, "dtype": "float32", "units": units, "activation": activation, "use_bias": True,
            "kernel_initializer": start, "bias_initializer": {"class_name": "Zeros", "config": {}}, "kernel_regularizer": None,
            "bias_regularizer": None, "activity_regularizer": None, "kernel_constraint": None, "bias_constraint": None},
            "name": name}

    def given(name, size):
        return {"class_name": "InputLayer", "config": {"batch_input_shape": [None, size], "dtype": "float32", "sparse": False,
                "ragged": False, "name": name}, "name": name, "inbound_nodes": []}
    inner = {"class_name": "Functional", "config": {"name": "inner", "layers": [
        given("y", 6), {**dense("inside", 5, "tanh"), "inbound_nodes": [[["y", 0, 0, {}]]]}],
        "input_layers": [["y", 0, 0]], "output_layers": [["inside", 0, 0]]}, "name": "inner",
        "inbound_nodes": [[["first", 0, 0, {}]]]}
    config = {"class_name": "Functional", "config": {"name": "outer", "layers": [
        given("x", 4), {**dense("first", 6, "linear"), "inbound_nodes": [[["x", 0, 0, {}]]]}, inner,
        {**dense("out", 2, "linear"), "inbound_nodes": [[["inner", 1, 0, {}]]]}],
        "input_layers": [["x", 0, 0]], "output_layers": [["out", 0, 0]]}}
    training = {"loss": "mean_squared_error", "metrics": [[{"class_name": "MeanMetricWrapper", "config": {
        "name": "mae", "dtype": "float32", "fn": "mean_absolute_error"}}]], "weighted_metrics": None, "loss_weights": None,
        "optimizer_config": {"class_name": "Adam", "config": {"name": "Adam", "learning_rate": 0.009999999776482582,
            "decay": 0.0, "beta_1": 0.8999999761581421, "beta_2": 0.9990000128746033, "epsilon": 1e-07, "amsgrad": False}}}
    by_layer = {"first": arrays(model.get_layer("first")), "inner": arrays(model.get_layer("inner")), "out": arrays(model.get_layer("out"))}
    inside = {"first": "first", "inner": "inside", "out": "out"}
    layers = [("x", [])] + [(k, list(zip([f"{inside[k]}/kernel:0", f"{inside[k]}/bias:0"], v))) for k, v in by_layer.items()]
    slots = [np.asarray(v) for v in model.optimizer.variables[2:]]
    names = [f"Adam/{inside[k]}/{w}" for k in by_layer for w in ("kernel", "bias")]
    optimizer = [("Adam/iter:0", np.int64(model.optimizer.iterations))]
    optimizer += [(f"{n}/m:0", s) for n, s in zip(names, slots[0::2])]
    optimizer += [(f"{n}/v:0", s) for n, s in zip(names, slots[1::2])]
    write_legacy(f"{folder}/tf_keras_nested.h5", config, training, "2.4.0", "tensorflow", layers, optimizer)
    record("tf_keras_nested.h5", model, x, y)


def last_tf_keras(folder):
    """Slots as tf_keras orders and names them, be they used or not, and attention."""
    def dense():
        x = old.Input((4,), name="x")
        return old.Model(x, old.layers.Dense(2, name="out")(old.layers.Dense(3, "tanh", name="inside")(x)), name="plain")

    def attention():
        x = old.Input((3, 4), name="x")
        y = old.layers.MultiHeadAttention(2, 3, name="many")(x, x)
        return old.Model(x, old.layers.Dense(2, name="out")(y), name="attention")
    decay = old.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
    for name, build, optimizer, endings in (
        ("amsgrad", dense, old.optimizers.Adam(decay, amsgrad=True), ("h5", "keras")),
        ("old_amsgrad", dense, old.optimizers.legacy.Adam(0.01, amsgrad=True), ("h5",)),
        ("average", dense, old.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5, ema_overwrite_frequency=3), ("h5", "keras")),
        ("schedule", dense, old.optimizers.SGD(decay), ("h5", "keras")),
        ("attention", attention, old.optimizers.Adagrad(0.01), ("h5", "keras")),
        ("nadam", dense, old.optimizers.Nadam(0.05), ("h5", "keras")),
        ("old_nadam", dense, old.optimizers.legacy.Nadam(0.05), ("h5",)),
    ):
        model = build()
        set_seeded(model, 7)
        model.compile(optimizer, "mean_squared_error")
        x = data(8, *model.input_shape[1:])
        y = data(8, *model.output_shape[1:])
        for _ in range(2):
            model.train_on_batch(x, y)
        for ending in endings:
            model.save(f"{folder}/tf_keras_{name}.{ending}")
        # Inside a compiled step tf_keras multiplies Nadam's product once for each weight; Nadam of old has
        # a schedule of its own. Neither trains as Keras 3's.
        record(f"tf_keras_{name}.h5", model, x, None if "nadam" in name else y)


def half_floats(folder):
    # Numbers of few bits, so that 16 of them hold every sum exactly.
    for dtype in ("bfloat16", "float16"):
        model = keras.Sequential([
            keras.Input((4,)), L.Dense(3, dtype=dtype, name="half"), L.Activation("linear", dtype="float32", name="wide")])
        r = np.random.default_rng(5)
        for w in model.weights:
            w.assign(r.integers(-2, 3, size=w.shape) / 2)
        model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
        model.optimizer.build(model.trainable_variables)
        model.save(f"{folder}/keras3_{dtype}.keras")
        record(f"keras3_{dtype}.keras", model, r.integers(-2, 3, size=(5, 4)).astype("float32") / 2)


def attention(folder):
    # Their weights stand under other names than the classes' and the attributes' would be.
    x = keras.Input((3, 4), name="x")
    y = L.MultiHeadAttention(2, 3, name="many")(x, x)
    y = L.GroupQueryAttention(2, 4, 2, name="grouped")(y, y)
    model = keras.Model(x, L.Dense(2, name="out")(y))
    set_seeded(model, 6)
    model.compile(keras.optimizers.Adam(0.01), "mean_squared_error")
    x, y = data(8, 3, 4), data(8, 3, 2)
    model.train_on_batch(x, y)
    model.save(f"{folder}/keras3_attention.keras")
    model.save(f"{folder}/keras3_attention.h5")
    record("keras3_attention.keras", model, x, y)


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "files")
    os.makedirs(folder, exist_ok=True)
    for write in (keras3, keras1, theano, tf_keras, half_floats, attention, last_tf_keras):
        write(folder)
    np.savez_compressed(os.path.join(folder, "files.npz"), **ARRAYS)


if __name__ == "__main__":
    main()
