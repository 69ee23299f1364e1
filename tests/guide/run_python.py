"""Runs the Python of docs/from-keras.md in the present folder, which holds from_cpp.keras.

usage: python run_python.py PAGE [FOLDER]   (FOLDER gets the file that the page saves, and its scores)
"""
import re
import shutil
import sys

import numpy as np

with open(sys.argv[1]) as page:
    blocks = re.findall(r"```python\n(.*?)```", page.read(), re.S)
names = {}
exec("\n".join(blocks), names)
assert names["losses"][-1] < names["losses"][0]
assert names["theirs"].optimizer.iterations == 12 + 2
if len(sys.argv) > 2:
    model, users, items = names["model"], names["users"], names["items"]
    shutil.copy("from_python.keras", sys.argv[2])
    scores = model.predict([users, items], verbose=0)
    np.savez_compressed(
        f"{sys.argv[2]}/from_python.npz",
        users=users.astype("float32"), items=items.astype("float32"), scores=scores)
