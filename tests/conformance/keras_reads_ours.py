"""Lets real Keras read models that Nyala wrote, and compares the predictions.

usage: python keras_reads_ours.py FOLDER

FOLDER holds one folder for each model, as `conformance_export` writes them:

  model.json      the architecture, from Model::to_json
  weights.npz     keys 0, 1, 2, ... in the order of Model::get_weights
  inputs.npz      one array for each input, in order
  outputs.npz     Nyala's predictions, in order

Needs keras 3.15 on TensorFlow, and numpy. Ends with status 1 when a model is not read or differs.
"""
import glob
import os
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")

import keras
import numpy as np

# float32 through a few layers: the tolerance of the recorded models.
RTOL, ATOL = 1e-4, 2e-5


def arrays(path):
    with np.load(path) as file:
        return [file[name] for name in file.files]


def compare(folder):
    model = keras.models.model_from_json(open(os.path.join(folder, "model.json")).read())
    model.set_weights(arrays(os.path.join(folder, "weights.npz")))
    inputs = arrays(os.path.join(folder, "inputs.npz"))
    results = model(inputs if len(inputs) > 1 else inputs[0], training=False)
    results = results if isinstance(results, (list, tuple)) else [results]
    wanted = arrays(os.path.join(folder, "outputs.npz"))
    for result, want in zip(results, wanted, strict=True):
        np.testing.assert_allclose(np.asarray(result), want, rtol=RTOL, atol=ATOL)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folders = sorted(os.path.dirname(path) for path in glob.glob(f"{sys.argv[1]}/*/model.json"))
    failed = 0
    for folder in folders:
        name = os.path.basename(folder)
        try:
            compare(folder)
            print(f"{name}: equal")
        except Exception as error:
            failed += 1
            print(f"{name}: {type(error).__name__}: {error}")
    print(f"Keras {keras.__version__} reads {len(folders) - failed} of {len(folders)} models")
    sys.exit(1 if failed or not folders else 0)


if __name__ == "__main__":
    main()
