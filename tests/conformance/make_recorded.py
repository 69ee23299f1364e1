"""Makes the recorded Keras results that the tests read: golden/ and sample/ of this folder.

usage: python make_recorded.py GOLDEN SAMPLE

GOLDEN is what `gen_golden.py --out GOLDEN` wrote, SAMPLE what `gen_models.py --seed 1000 --count 30
--out SAMPLE` wrote. Both need keras 3.15, tf-keras 2.21, tensorflow, h5py and numpy; so does this
script. It keeps

  golden/F.json, F.npz    the families in FAMILIES, unchanged
  sample/mNNNN/           the models:
    model.json, meta.json, inputs.npz, outputs.npz, train.npz, train_result.npz    unchanged
    weights.npz           keys 0, 1, 2, ... in the order of model.get_weights()
    compile.json          what the model was compiled with, as Keras writes it to a .keras file
    optimizer.npz         only where training starts from a used optimizer (meta.json: warm): its
                          variables, keys 0, 1, 2, ... in the order in which Keras saves them

so that reading a sample takes neither HDF5 nor .keras files. The weights are checked by predicting
with the loaded model before they are written.
"""
import io
import json
import os
import shutil
import sys
import zipfile

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import h5py
import keras
import numpy as np
import tf_keras

HERE = os.path.dirname(os.path.abspath(__file__))

FAMILIES = """activations constraints conv dense dot dropout embedding initializers losses merge metrics
norm ops optimizers preprocessing rnn schedules shape wrappers""".split()

UNCHANGED = "model.json meta.json inputs.npz outputs.npz train.npz train_result.npz".split()


def copy_golden(source):
    target = os.path.join(HERE, "golden")
    os.makedirs(target, exist_ok=True)
    for family in FAMILIES:
        for ending in ("json", "npz"):
            name = f"{family}.{ending}"
            shutil.copyfile(os.path.join(source, name), os.path.join(target, name))


def save_numbered(path, arrays):
    np.savez_compressed(path, **{str(i): array for i, array in enumerate(arrays)})


def optimizer_variables(archive):
    with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
        saved = file["optimizer/vars"]
        return [saved[str(i)][()] for i in range(len(saved))]


def predict(model, inputs):
    arrays = [inputs[name] for name in inputs.files]
    outputs = model(arrays if len(arrays) > 1 else arrays[0], training=False)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return [np.asarray(output) for output in outputs]


def convert_model(source, target):
    meta = json.load(open(os.path.join(source, "meta.json")))
    library = tf_keras if meta["lib"].startswith("tf_keras") else keras
    saved = os.path.join(source, "model.keras")
    model = library.models.load_model(saved)

    recorded = np.load(os.path.join(source, "outputs.npz"))
    results = predict(model, np.load(os.path.join(source, "inputs.npz")))
    for name, result in zip(recorded.files, results, strict=True):
        np.testing.assert_allclose(result, recorded[name], **meta["tol"]["out"])

    os.makedirs(target, exist_ok=True)
    for name in UNCHANGED:
        if os.path.exists(os.path.join(source, name)):
            shutil.copyfile(os.path.join(source, name), os.path.join(target, name))
    save_numbered(os.path.join(target, "weights.npz"), model.get_weights())
    with zipfile.ZipFile(saved) as archive:
        config = json.loads(archive.read("config.json"))
        with open(os.path.join(target, "compile.json"), "w") as file:
            json.dump(config["compile_config"], file, indent=1)
            file.write("\n")
        if meta["warm"]:
            save_numbered(os.path.join(target, "optimizer.npz"), optimizer_variables(archive))


def copy_sample(source):
    target = os.path.join(HERE, "sample")
    os.makedirs(target, exist_ok=True)
    index = json.load(open(os.path.join(source, "index.json")))
    with open(os.path.join(target, "index.json"), "w") as file:
        json.dump(index, file, indent=1)
        file.write("\n")
    for entry in index["models"]:
        convert_model(os.path.join(source, entry["dir"]), os.path.join(target, entry["dir"]))
    print(len(index["models"]), "models:", *[entry["dir"] for entry in index["models"]])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    copy_golden(sys.argv[1])
    copy_sample(sys.argv[2])


if __name__ == "__main__":
    main()
