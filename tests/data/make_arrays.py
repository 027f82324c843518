"""Writes tests/data/npy/*.npy, which npy_test.cpp reads: python3 make_arrays.py (needs numpy; the tests do not)."""
import pathlib

import numpy as np

folder = pathlib.Path(__file__).parent / "npy"
folder.mkdir(exist_ok=True)
values = np.array([[0, 1, 2], [100, 50, 7]])
for name in "<f4 <f8 |i1 <i2 <i4 <i8 |u1 <u2 <u4 <u8".split():
    np.save(folder / f"two_by_three_{name[1:]}.npy", values.astype(name))
np.save(folder / "two_by_three_bool.npy", values > 1)
np.save(folder / "two_by_three_fortran.npy", np.asfortranarray(values.astype("<f8") / 7))
np.save(folder / "vector.npy", np.array([1.5, -np.inf, np.nan, 5e-324]))
np.save(folder / "big_endian.npy", values.astype(">f8"))
np.save(folder / "objects.npy", np.array([1, None], dtype=object), allow_pickle=True)
np.save(folder / "text.npy", np.array(["a", "bc"]))
np.save(folder / "half.npy", values.astype("<f2"))
np.save(folder / "records.npy", np.array([(1, 2.0)], dtype=[("a", "<i4"), ("b", "<f8")]))
np.save(folder / "complex.npy", np.array([1j]))
np.save(folder / "scalar.npy", np.float64(3))
np.save(folder / "cube.npy", np.zeros((2, 1, 2)))
np.save(folder / "no_rows.npy", np.zeros((0, 3)))
for version in ((2, 0), (3, 0)):
    with open(folder / f"version_{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, values.astype("<f8"), version=version)
np.savez(folder / "archive.npz", values=values[:1])
