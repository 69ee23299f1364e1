"""Predictions in ONNX Runtime."""
import onnxruntime

import onnx_models
import worker


def session_of(name):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = worker.THREADS
    options.inter_op_num_threads = 1
    file, shapes = onnx_models.MODELS[name]
    session = onnxruntime.InferenceSession(file(), options, providers=["CPUExecutionProvider"])
    return session, {key: worker.floats(shape, 1, 0) for key, shape in shapes.items()}


def predict(name):
    session, x = session_of(name)
    return lambda: session.run(None, x)


def stream_lstm():
    session, x = session_of("stream_lstm")

    def step():
        y, x["h"], x["c"] = session.run(None, x)
        return y
    return step


worker.serve(f"onnxruntime {onnxruntime.__version__}",
             worker.for_names(onnx_models.MODELS, predict) | {"stream_lstm": stream_lstm})
