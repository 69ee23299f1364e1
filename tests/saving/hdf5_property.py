"""Random HDF5 files by h5py, read by Nyala, and the other way round.

usage: hdf5_property.py FOLDER [SEEDS] | --fixtures DIR

FOLDER holds the programs hdf5_dump and hdf5_make. With --fixtures it writes one small file of every
form and what h5py sees in it to DIR instead. Needs h5py, ml_dtypes and numpy.
"""
import os, subprocess, sys, tempfile
import h5py
import ml_dtypes
import numpy as np

DTYPES = ["f2", "f4", "f8", ">f2", ">f4", ">f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", ">i4", ">i8", ">u2", ">u8", "?"]


def seen(path):
    """What must be read: the walk of hdf5_walk.hpp."""
    out = {}

    def lines(v):
        v = np.asarray(v, dtype=object).ravel()
        t = [x.decode("utf8", "surrogateescape") if isinstance(x, bytes) else str(x) for x in v]
        return np.frombuffer("".join(s + "\n" for s in t).encode("utf8", "surrogateescape"), "u1")

    def native(v):
        v = np.asarray(v)
        return v.astype(v.dtype.newbyteorder("="))

    def value(v):
        if isinstance(v, h5py.Empty):
            return lines([]) if v.dtype.kind in "SO" else native(np.zeros(0, v.dtype))
        v = np.asarray(v)
        return lines(v) if v.dtype.kind in "SOU" else native(v)

    def visit(name, o):
        for k in o.attrs:
            out[f"{name}@{k}"] = value(o.attrs[k])
        if isinstance(o, h5py.Dataset):
            out[name] = value(o[()])
        else:
            for k in o:
                visit((name if name != "/" else "") + "/" + k, o[k])
    with h5py.File(path, "r") as f:
        visit("/", f)
    return out


def array(r, dtype, shape):
    d = np.dtype(dtype)
    if d.kind == "f":
        return r.normal(size=shape).astype(d)
    if d.kind == "b":
        return r.integers(0, 2, size=shape).astype("?")
    i = np.iinfo(d)
    return r.integers(i.min, min(i.max, 2**62), size=shape, endpoint=False).astype(d)


def text(r):
    return "".join(r.choice(list("abcdefgh/éß漢"), size=int(r.integers(1, 40))))


def attributes(r, o, count):
    for i in range(count):
        k = int(r.integers(0, 5))
        if k == 0:
            o.attrs[f"t{i}"] = text(r)
        elif k == 1:
            o.attrs[f"b{i}"] = np.array([text(r).encode() for _ in range(int(r.integers(1, 5)))])
        elif k == 2:
            o.attrs.create(f"v{i}", [text(r) for _ in range(int(r.integers(1, 5)))], dtype=h5py.string_dtype())
        elif k == 3:
            o.attrs[f"e{i}"] = np.zeros(0)
        else:
            o.attrs[f"n{i}"] = array(r, r.choice(DTYPES), tuple(r.integers(1, 4, size=int(r.integers(0, 3)))))


def dataset(r, g, name):
    rank = int(r.integers(0, 5))
    shape = tuple(int(x) for x in r.integers(0 if r.random() < 0.05 else 1, 9, size=rank))
    kw = {}
    if rank and 0 not in shape and r.random() < 0.6:
        kw["chunks"] = tuple(int(r.integers(1, s + 1)) for s in shape)
        if r.random() < 0.5:
            kw["compression"] = "gzip"
        kw["shuffle"] = bool(r.random() < 0.5)
        kw["fletcher32"] = bool(r.random() < 0.3)
        u = r.random()
        if u < 0.5:
            many = u < 0.2
            grow = int(r.integers(0, rank))
            kw["maxshape"] = tuple(None if many or i == grow else s + int(r.integers(0, 5)) for i, s in enumerate(shape))
        if r.random() < 0.2:
            kw["fillvalue"] = 3
    if r.random() < 0.1:
        g.create_dataset(name, data=[text(r) for _ in range(3)], dtype=h5py.string_dtype())
        return
    dt = r.choice(DTYPES)
    if "chunks" in kw and r.random() < 0.2:  # only partly written
        d = g.create_dataset(name, shape=shape, dtype=dt, **kw)
        d[tuple(slice(0, c) for c in kw["chunks"])] = array(r, dt, kw["chunks"])
    else:
        g.create_dataset(name, data=array(r, dt, shape), **kw)
    attributes(r, g[name], int(r.integers(0, 3)))


def tree(r, g, depth):
    for i in range(int(r.integers(0, 25 if r.random() < 0.2 else 5))):
        dataset(r, g, f"d{i}")
    attributes(r, g, int(r.choice([0, 1, 3, 30])))
    if depth < 4:
        for i in range(int(r.integers(0, 3))):
            tree(r, g.create_group(f"g{i}", track_order=bool(r.random() < 0.3)), depth + 1)


def random_file(path, seed):
    r = np.random.default_rng(seed)
    kw = {"libver": [("earliest", "latest"), "latest", ("v108", "v108"), ("v110", "v110")][seed % 4]}
    if r.random() < 0.2:
        kw["userblock_size"] = 512
    with h5py.File(path, "w", **kw) as f:
        tree(r, f, 0)


def compare(dump, path):
    out = path + ".npz"
    p = subprocess.run([dump, path, out], capture_output=True, text=True)
    if p.returncode != 0:
        return p.stderr.strip() or f"exit {p.returncode}"
    want = seen(path)
    if not want:
        return None
    with np.load(out) as z:
        got = {k: z[k] for k in z.files}
    if set(got) != set(want):
        return f"names differ: {sorted(set(got) ^ set(want))[:5]}"
    for k, v in want.items():
        if got[k].dtype != v.dtype or got[k].shape != v.shape or not np.array_equal(got[k], v, equal_nan=v.dtype.kind == "f"):
            return f"{k}: got {got[k].dtype}{got[k].shape}, want {v.dtype}{v.shape}, or other values"


def compare_ours(make, path, seed):
    out = path + ".npz"
    p = subprocess.run([make, str(seed), path, out], capture_output=True, text=True)
    if p.returncode != 0:
        return p.stderr.strip() or f"exit {p.returncode}"
    got = seen(path)
    with np.load(out) as z:
        want = {k: z[k] for k in z.files if k != "end"}
    if set(got) != set(want):
        return f"names differ: {sorted(set(got) ^ set(want))[:5]}"
    for k, v in want.items():
        if got[k].dtype != v.dtype or got[k].shape != v.shape or not np.array_equal(got[k], v):
            return f"{k}: h5py sees {got[k].dtype}{got[k].shape}, written {v.dtype}{v.shape}, or other values"
    # h5py may add to the file and change it.
    with h5py.File(path, "a") as f:
        f["added/here"] = np.arange(3)
        f.attrs["added"] = "text"
    return None if len(seen(path)) == len(want) + 2 else "cannot be added to"


def fixtures(folder):
    os.makedirs(folder, exist_ok=True)
    r = np.random.default_rng(7)

    def put(name, libver, fill):
        path = os.path.join(folder, name + ".h5")
        with h5py.File(path, "w", libver=libver) as f:
            fill(f)
        np.savez(os.path.join(folder, name + ".npz"), **seen(path))
    old, new = "earliest", "latest"

    def types(f):
        for d in DTYPES:
            f["big_" + d[1:] if d[0] == ">" else "is_bool" if d == "?" else d] = array(r, d, (2, 3))
        f["bfloat16"] = np.arange(6, dtype="f4").reshape(2, 3).astype(ml_dtypes.bfloat16)
        f["scalar"] = np.float32(2.5)
        f["empty"] = np.zeros((0, 3), "f4")
        f.create_dataset("never_written", shape=(3,), dtype="f4", fillvalue=7)
        f.create_dataset("fixed", data=np.array([b"ab", b"cde"]))
        f.create_dataset("variable", data=["x", "", "漢字"], dtype=h5py.string_dtype())

    def attrs(count):
        def fill(f):
            attributes(np.random.default_rng(3), f, count)
            f.attrs["long"] = "z" * 3000
        return fill

    def groups(f):
        for i in range(60):
            f[f"a/g{i:02d}/w"] = np.float32(i)

    def chunks(**kw):
        def fill(f):
            v = np.arange(35 * 3, dtype="f4").reshape(35, 3)
            f.create_dataset("x", data=v, **{"chunks": (2, 2), **kw})
        return fill

    def compact(f):
        p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        p.set_layout(h5py.h5d.COMPACT)
        d = h5py.h5d.create(f.id, b"c", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((3,)), p)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.array([1, 2, 3], "f4"))

    def early(f):
        p = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        p.set_chunk((2, 2)); p.set_alloc_time(h5py.h5d.ALLOC_TIME_EARLY)
        d = h5py.h5d.create(f.id, b"x", h5py.h5t.NATIVE_FLOAT, h5py.h5s.create_simple((5, 3)), p)
        d.write(h5py.h5s.ALL, h5py.h5s.ALL, np.arange(15, dtype="f4").reshape(5, 3))

    for v, n in ((old, "old"), (new, "new")):
        put(f"types_{n}", v, types)
        put(f"attributes_{n}", v, attrs(30))
        put(f"groups_{n}", v, groups)
        put(f"filters_{n}", v, chunks(compression="gzip", shuffle=True, fletcher32=True))
        put(f"grows_{n}", v, chunks(maxshape=(None, 5), compression="gzip"))
    put("huge_attribute", new, lambda f: f.attrs.__setitem__("config", "z" * 70000))
    put("compact", old, compact)
    put("single", new, chunks(chunks=(35, 3)))
    put("single_deflated", new, chunks(chunks=(35, 3), compression="gzip"))
    put("implicit", new, early)
    put("fixed_array", new, chunks())
    put("extensible", new, chunks(maxshape=(3 * 40, None)))
    put("btree2", new, chunks(maxshape=(None, None)))
    put("paged", new, lambda f: f.create_dataset("x", data=np.arange(1500, dtype="i1"), chunks=(1,)))
    put("btree_deep", old, lambda f: f.create_dataset("x", data=np.arange(400, dtype="i1"), chunks=(2,)))


def main():
    if "--fixtures" in sys.argv:
        return fixtures(sys.argv[sys.argv.index("--fixtures") + 1])
    folder, seeds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 40
    bad = [0, 0]
    with tempfile.TemporaryDirectory() as t:
        for seed in range(seeds):
            path = os.path.join(t, f"{seed}.h5")
            random_file(path, seed)
            ways = [compare(os.path.join(folder, "hdf5_dump"), path)]
            ways.append(compare_ours(os.path.join(folder, "hdf5_make"), os.path.join(t, f"ours{seed}.h5"), seed))
            for i, why in enumerate(ways):
                if why:
                    bad[i] += 1
                    print(f"seed {seed}, {'written' if i else 'read'}: {why}")
    print(f"{seeds - bad[0]} of {seeds} files read as h5py reads them; h5py reads {seeds - bad[1]} of {seeds} of ours")
    sys.exit(any(bad))


if __name__ == "__main__":
    main()
