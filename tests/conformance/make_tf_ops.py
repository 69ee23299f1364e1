"""Records a tf.keras 2.x model made of TensorFlow functions: recorded/tf_ops.json, with the model's
JSON, its inputs and its outputs.

usage: python make_tf_ops.py          (needs tf-keras 2.21, tensorflow and numpy)
"""
import json
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import numpy as np
import tensorflow as tf
import tf_keras

HERE = os.path.dirname(os.path.abspath(__file__))


def main():
    x = tf_keras.Input((4,), name="x")
    z = tf_keras.Input((4,), name="z")
    q = tf_keras.Input((3, 4), name="q")
    outputs = [
        x[:, 1:],
        q[:, 0, 1:3],
        q[..., 0],
        q[:, None, ::-1],
        tf.reduce_sum(x, axis=1),
        tf.reduce_mean(q, axis=[1, 2], keepdims=True),
        tf.concat([x, z], axis=-1),
        tf.stack([x, z], axis=1),
        tf.reshape(q, (-1, 12)),
        tf.transpose(q, [0, 2, 1]),
        tf.squeeze(tf.expand_dims(x, -1), axis=2),
        tf.clip_by_value(x, -0.5, 0.5),
        tf.cast(x, "float64"),
        tf.nn.softmax(x),
        tf.nn.leaky_relu(x, alpha=0.1),
        tf.nn.gelu(x),
        1 - x,
        2 / (x * x + 1),
        tf.matmul(q, q, transpose_b=True),
        tf.matmul(q, q, transpose_a=True),
        tf.where(x > 0, x, z),
        tf.maximum(x, tf.math.log1p(tf.math.exp(z))),
    ]
    model = tf_keras.Model([x, z, q], outputs, name="functions")
    generator = np.random.default_rng(1)
    inputs = [
        np.round(generator.normal(size=(2, *tensor.shape[1:])), 3).astype("float32")
        for tensor in (x, z, q)
    ]
    results = model(inputs)
    with open(os.path.join(HERE, "recorded", "tf_ops.json"), "w") as file:
        json.dump(
            {
                "model": model.to_json(),
                "inputs": [array.tolist() for array in inputs],
                "outputs": [np.round(result.numpy().astype("float64"), 6).tolist() for result in results],
            },
            file,
        )
        file.write("\n")


if __name__ == "__main__":
    main()
