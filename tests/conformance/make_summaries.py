"""Records what Keras 3's summary() prints: recorded/summaries.json, by terminal width and case.

usage: python make_summaries.py          (needs keras 3.15 and tensorflow)
"""
import json
import os
import subprocess
import sys

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

HERE = os.path.dirname(os.path.abspath(__file__))


def summaries():
    import keras
    import numpy as np
    from keras import layers as L

    texts = {}

    def record(name, model, **options):
        lines = []
        model.summary(print_fn=lambda text, **_: lines.append(text), **options)
        texts[name] = lines[0]

    stack = keras.Sequential(
        [keras.Input((784,)), L.Dense(128, activation="relu"), L.Dense(10)], name="mnist"
    )
    record("sequential", stack)
    record("sequential_trainable", stack, show_trainable=True)
    record("unbuilt", keras.Sequential([L.Dense(3, name="x"), L.Dense(2, name="y")], name="unbuilt"))

    a = keras.Input((10,), name="user_embedding_with_a_long_name")
    b = keras.Input((10,), name="b")
    tower = L.Dense(8, name="tower")
    cosine = L.Dot(axes=1, normalize=True, name="cosine")([tower(a), tower(b)])
    wide = L.Dense(1000, name="wide")(tower(a))
    pair = keras.Model([a, b], [cosine, wide], name="pair")
    record("pair", pair)
    record("pair_trainable", pair, show_trainable=True)
    record("pair_70", pair, line_length=70)

    x = keras.Input((10,), name="x")
    inner = keras.Sequential(
        [keras.Input((10,), name="in"), L.Dense(4, name="one"), L.Dense(3, name="two")],
        name="inner",
    )
    inner.trainable = False
    outer = keras.Model(x, L.Dense(2, name="last")(inner(x)), name="outer")
    record("nested", outer)
    record("nested_expanded", outer, expand_nested=True)
    record("nested_both", outer, expand_nested=True, show_trainable=True)
    record("range", outer, layer_range=["inner", "last"])

    p = keras.Input((4,), name="p")
    q = (p * 2.0 + 1.0)[:, 1:]
    record("ops", keras.Model(p, L.Dense(1, name="out")(q), name="with_ops"))

    stack.compile(optimizer="adam", loss="mse")
    stack.train_on_batch(np.ones((2, 784)), np.ones((2, 10)))
    record("compiled", stack)
    return texts


def main():
    if len(sys.argv) > 1:
        print(json.dumps(summaries()))
        return
    texts = {}
    for columns in ("80", "140"):
        run = subprocess.run(
            [sys.executable, __file__, "one"],
            env=dict(os.environ, COLUMNS=columns),
            check=True,
            capture_output=True,
            text=True,
        )
        texts[columns] = json.loads(run.stdout.strip().splitlines()[-1])
    path = os.path.join(HERE, "recorded", "summaries.json")
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        json.dump(texts, file, ensure_ascii=False, indent=1)
        file.write("\n")


main()
