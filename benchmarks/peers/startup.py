"""From the start of the process to the first prediction: startup.py PEER FOLDER.

The folder holds model.json and weights.npz as nyala_startup writes them; `--prepare FOLDER` adds the
other peers' forms of the same model. Prints the first score and the peak memory in MiB.
"""
import os
import sys

PEERS = ("onnxruntime", "keras-tf", "keras-jax", "pytorch")


def weights_of(folder):
    import numpy as np
    with np.load(os.path.join(folder, "weights.npz")) as file:
        return [file[name] for name in file.files]


def random_weights():
    import numpy as np
    random = np.random.default_rng(0)
    return [(random.normal(size=shape) * 0.05).astype(np.float32) for shape in ((784, 128), 128, (128, 10), 10)]


def onnx_bytes(weights):
    from onnx import TensorProto, helper, numpy_helper
    nodes = [helper.make_node("Gemm", ["x", "k1", "b1"], ["h"]), helper.make_node("Relu", ["h"], ["r"]),
             helper.make_node("Gemm", ["r", "k2", "b2"], ["o"]), helper.make_node("Softmax", ["o"], ["y"], axis=1)]
    stored = [numpy_helper.from_array(w, name) for name, w in zip(("k1", "b1", "k2", "b2"), weights)]
    value = lambda name, size: helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, size))
    graph = helper.make_graph(nodes, "mlp", [value("x", 784)], [value("y", 10)], stored)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 8
    return model.SerializeToString()


def torch_file(weights, path):
    import torch
    from torch import nn
    model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 10), nn.Softmax(1)).eval()
    k1, b1, k2, b2 = map(torch.from_numpy, weights)
    model.load_state_dict({"0.weight": k1.T, "0.bias": b1, "2.weight": k2.T, "2.bias": b2})
    torch.jit.save(torch.jit.freeze(torch.jit.script(model)), path)


def prepare(folder):
    weights = weights_of(folder)
    try:
        with open(os.path.join(folder, "model.onnx"), "wb") as out:
            out.write(onnx_bytes(weights))
    except ImportError:
        pass
    try:
        torch_file(weights, os.path.join(folder, "model.pt"))
    except ImportError:
        pass


def predict(peer, folder):
    import numpy as np
    x = np.zeros((1, 784), np.float32)
    if peer == "onnxruntime":
        import onnxruntime
        return onnxruntime.InferenceSession(os.path.join(folder, "model.onnx")).run(None, {"x": x})[0]
    if peer == "pytorch":
        import torch
        with torch.inference_mode():
            return torch.jit.load(os.path.join(folder, "model.pt"))(torch.from_numpy(x)).numpy()
    os.environ.update(KERAS_BACKEND="tensorflow" if peer == "keras-tf" else "jax", TF_CPP_MIN_LOG_LEVEL="3",
                      CUDA_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
    import keras
    with open(os.path.join(folder, "model.json")) as file:
        model = keras.models.model_from_json(file.read())
    model.set_weights(weights_of(folder))
    return np.asarray(model.predict_on_batch(x))


def peak_mib():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    if sys.argv[1] == "--prepare":
        prepare(sys.argv[2])
    else:
        print(predict(*sys.argv[1:])[0, 0], peak_mib(), flush=True)
        os._exit(0)
