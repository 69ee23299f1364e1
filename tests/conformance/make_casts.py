"""Records casts by NumPy and ml_dtypes, and NumPy's arrays of float16 as text: recorded/casts.json.

usage: python make_casts.py          (needs numpy and ml_dtypes)
"""
import json
import os

import ml_dtypes
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
FLOATS = """0 -0 1 -1 0.1 -0.3 65504 65519.996 65520 -65520 70000 1e-3 6.1035156e-05 6.1e-05 5.9604645e-08
2.9802322e-08 2.9802326e-08 2.98e-08 8.9406967e-08 1e-8 1e-40 3.4e38 3.3895314e38 3.3961776e38 inf -inf nan
1.0004883 1.0004884 1.0014648 2049 2051 2050 1.00390625 1.01171875 1.0039063 256.5 257 258 259""".split()
PRINTED = [[0.1, 2.5, 100], [1000, 2], [999, 2.5], [1e-3, 1], [32752, 1], [1e-5, 1],
           [np.nan, np.inf, -1.5], [1 / 3, 2 / 3], [3000], [0.5, 0.25], []]
INTEGERS = "uint8 int8 uint16 int16 uint32 int32 uint64 int64".split()


def bits(array):
    return " ".join(str(number) for number in array.view("uint16"))


def main():
    generator = np.random.default_rng(0)
    random = generator.normal(0, 1, 300) * 10.0 ** generator.integers(-9, 6, 300)
    singles = np.concatenate([np.array(FLOATS, "float32"), random.astype("float32")])
    # Beside the middle of two float16, where rounding through float32 would round twice.
    middle = 1 + 2.0**-11 + np.array([0, 2.0**-40, -(2.0**-40), 2.0**-30])
    doubles = np.concatenate([middle, -middle, 1024 * middle, random])
    whole = generator.integers(-(2**63), 2**63 - 1, 20, endpoint=True)
    with np.errstate(all="ignore"):
        record = {
            "float32": [f"{x:.9g}" for x in singles],
            "float32_to_float16": bits(singles.astype("float16")),
            "float32_to_bfloat16": bits(singles.astype(ml_dtypes.bfloat16)),
            "float64": [float(x).hex() for x in doubles],
            "float64_to_float16": bits(doubles.astype("float16")),
            "int64": " ".join(map(str, whole)),
            "wrapped": {name: " ".join(map(str, whole.astype(name))) for name in INTEGERS},
            "printed": [[[f"{x:.9g}" for x in np.array(numbers, "float32")], str(np.array(numbers, "float16"))] for numbers in PRINTED],
        }
    with open(os.path.join(HERE, "recorded", "casts.json"), "w") as file:
        json.dump(record, file, indent=0)
        file.write("\n")


if __name__ == "__main__":
    main()
