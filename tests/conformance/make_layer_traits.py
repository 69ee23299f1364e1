"""Records what Keras says of each layer class: recorded/layer_traits.json.

usage: python make_layer_traits.py

For every class of layers/layers.def that Keras has: whether a layer is built from the start, whether
`call` takes `mask`, and the default of `training`. Needs keras 3.15 on TensorFlow.
"""
import inspect
import json
import os
import re

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS_DEF = os.path.join(HERE, "..", "..", "layers", "layers.def")

# Values for the arguments that have no default, by name.
ARGUMENTS = {
    "activation": "relu",
    "axes": 1,
    "dims": (1,),
    "equation": "ab,bc->ac",
    "filters": 1,
    "function": lambda x: x,
    "input_dim": 2,
    "kernel_size": 1,
    "n": 1,
    "output_dim": 2,
    "output_shape": 2,
    "rate": 0.1,
    "scale": 1.0,
    "shape": (2,),
    "stddev": 0.1,
    "target_shape": (1,),
    "units": 1,
    "num_heads": 1,
    "key_dim": 1,
    "head_dim": 1,
    "num_query_heads": 1,
    "num_key_value_heads": 1,
    "output_size": 1,
    "pool_size": 2,
}


def make(cls):
    arguments = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        if name == "layer":
            recurrent = cls.__name__ == "Bidirectional"
            arguments[name] = keras.layers.SimpleRNN(1) if recurrent else keras.layers.Dense(1)
        elif name == "cell":
            arguments[name] = keras.layers.SimpleRNNCell(1)
        elif name == "cells":
            arguments[name] = [keras.layers.SimpleRNNCell(1)]
        elif name == "shape" and cls is keras.layers.InputLayer:
            arguments[name] = (2,)
        elif name == "num_tokens":
            arguments[name] = 4
        elif name in ARGUMENTS and parameter.default is inspect.Parameter.empty:
            arguments[name] = ARGUMENTS[name]
    return cls(**arguments)


def traits(cls):
    layer = make(cls)
    call = inspect.signature(layer.call).parameters
    training = call["training"].default if "training" in call else None
    return {"built": layer.built, "mask": "mask" in call, "training": training}


def main():
    names = re.findall(r"^LAYER\((\w+)\)", open(LAYERS_DEF).read(), re.M)
    known = [name for name in names if hasattr(keras.layers, name)]
    record = {name: traits(getattr(keras.layers, name)) for name in known}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(record[name])}" for name in known)
    with open(os.path.join(HERE, "recorded", "layer_traits.json"), "w") as file:
        file.write("{\n" + lines + "\n}\n")


if __name__ == "__main__":
    main()
