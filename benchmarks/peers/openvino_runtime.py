"""Predictions in OpenVINO, from the same files as in ONNX Runtime."""
import openvino

import onnx_models
import worker

core = openvino.Core()


def request_of(name):
    file, shapes = onnx_models.MODELS[name]
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": worker.THREADS, "NUM_STREAMS": 1,
               "INFERENCE_PRECISION_HINT": "f32"}
    request = core.compile_model(core.read_model(file()), "CPU", options).create_infer_request()
    return request, {key: worker.floats(shape, 1, 0) for key, shape in shapes.items()}


def predict(name):
    request, x = request_of(name)
    return lambda: request.infer(x, share_inputs=True, share_outputs=True)


def stream_lstm():
    request, x = request_of("stream_lstm")

    def step():
        y, x["h"], x["c"] = request.infer(x, share_inputs=True).values()
        return y
    return step


worker.serve(f"openvino {openvino.__version__.split('-')[0]}",
             worker.for_names(onnx_models.MODELS, predict) | {"stream_lstm": stream_lstm})
