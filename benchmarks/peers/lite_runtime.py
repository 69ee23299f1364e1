"""Predictions in LiteRT (TensorFlow Lite) with its XNNPACK kernels."""
import os

os.environ.update(KERAS_BACKEND="tensorflow", CUDA_VISIBLE_DEVICES="")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import importlib.metadata
import tempfile

from ai_edge_litert.interpreter import Interpreter

import keras_networks
import worker


def predict(name):
    import tensorflow as tf
    network, x = keras_networks.model(name), keras_networks.one_row(name)
    with tempfile.TemporaryDirectory() as folder:
        network.export(folder, verbose=False, input_signature=[tf.TensorSpec(x.shape, x.dtype)])
        file = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    interpreter = Interpreter(model_content=file, num_threads=worker.THREADS)
    interpreter.allocate_tensors()
    into, out = interpreter.get_input_details()[0]["index"], interpreter.get_output_details()[0]["index"]

    def step():
        interpreter.set_tensor(into, x)
        interpreter.invoke()
        return interpreter.get_tensor(out)
    return step


names = {"predict_row": "mnist_mlp_small", "predict_cnn": "cnn", "predict_lstm": "lstm",
         "predict_transformer": "transformer"}
worker.serve(f"LiteRT {importlib.metadata.version('ai-edge-litert')}",
             {workload: (lambda name=name: predict(name)) for workload, name in names.items()})
