"""predict_row in ONNX Runtime."""
import onnxruntime

import startup
import worker


def predict_row():
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = worker.THREADS
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(startup.onnx_bytes(startup.random_weights()), options,
                                           providers=["CPUExecutionProvider"])
    x = worker.row()
    return lambda: session.run(None, {"x": x})


worker.serve(f"onnxruntime {onnxruntime.__version__}", {"predict_row": predict_row})
