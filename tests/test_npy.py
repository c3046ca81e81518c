#!/usr/bin/env python3
"""NumPy and the library read each other's .npy and .npz files; what is written is NumPy's, byte for byte."""
import ctypes as c
import itertools
import os
import warnings

from ranvier_ctypes import ERRORS, NDArray, Skip, run

try:
    import numpy as np
except ImportError:
    print("1..0 # SKIP numpy is not installed")
    raise SystemExit(0)

TYPES = {1: "f4", 2: "f8", 3: "i1", 4: "u1", 5: "i2", 6: "u2", 7: "i4", 8: "u4", 9: "i8", 10: "u8", 11: "?"}
SHAPES = [(), (0,), (1,), (7,), (3, 4), (2, 3, 5), (4, 0, 2), (1, 2, 1, 2, 3, 1, 2, 2)]


def example(dtype, shape):
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 256, size=int(np.prod(shape)) * np.dtype(dtype).itemsize, dtype=np.uint8)
    if dtype == "?":
        return (bits % 2).astype(bool).reshape(shape)
    return bits.view(dtype).reshape(shape)


def read(lib, path):
    array = NDArray()
    rc = lib.rv_npy_read(c.byref(array), lib.context, path.encode())
    if rc < 0:
        raise RuntimeError(lib.rv_last_error(lib.context).decode())
    dtype = np.dtype(TYPES[array.dtype])
    raw = c.string_at(array.data, array.size * dtype.itemsize)
    shape = tuple(array.shape[:array.num_dims])
    lib.rv_ndarray_clear(c.byref(array))
    return np.frombuffer(raw, dtype).reshape(shape)


def same(got, expected):
    assert got.shape == expected.shape, (got.shape, expected.shape)
    assert got.tobytes() == np.ascontiguousarray(expected).tobytes(), (got, expected)


def the_library_reads_what_numpy_writes(lib, folder):
    path = os.path.join(folder, "a.npy")
    for (number, dtype), shape, order, fortran in itertools.product(TYPES.items(), SHAPES, "<>", (False, True)):
        native = example(dtype, shape)
        array = native.astype(native.dtype.newbyteorder(order))
        np.save(path, np.asarray(array, order="F" if fortran else "C"))
        got = read(lib, path)
        assert got.dtype == np.dtype(dtype)
        same(got, native)


def all_versions_are_read(lib, folder):
    path = os.path.join(folder, "a.npy")
    array = example("f4", (3, 4))
    for version in ((1, 0), (2, 0), (3, 0)):
        with open(path, "wb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            np.lib.format.write_array(file, array, version)
        same(read(lib, path), array)


def half_precision_becomes_single(lib, folder):
    path = os.path.join(folder, "a.npy")
    for order in "<>":
        array = np.arange(65536, dtype=np.uint16).view(np.float16)
        array = array[~np.isnan(array)].reshape(2, -1)
        np.save(path, array.astype(array.dtype.newbyteorder(order)))
        same(read(lib, path), array.astype(np.float32))


def numpy_reads_what_the_library_writes_byte_for_byte(lib, folder):
    ours, theirs = os.path.join(folder, "ours.npy"), os.path.join(folder, "theirs.npy")
    grows = hasattr(np.lib.format, "GROWTH_AXIS_MAX_DIGITS")
    for (number, dtype), shape in itertools.product(TYPES.items(), SHAPES + [(123456, 1), (1, 123456)]):
        array = np.ascontiguousarray(example(dtype, shape)).reshape(shape)
        given = NDArray(number, array.ndim, (c.c_size_t * 8)(*shape), array.size, array.ctypes.data)
        assert lib.rv_npy_write(lib.context, ours.encode(), c.byref(given)) == 0, lib.rv_last_error(lib.context)
        same(np.load(ours), array)
        np.save(theirs, array)
        if grows:
            assert open(ours, "rb").read() == open(theirs, "rb").read(), (dtype, shape)
    if not grows:
        raise Skip("this NumPy writes headers without room to grow; values were compared")


def members_of_archives_are_read(lib, folder):
    path = os.path.join(folder, "a.npz")
    arrays = {"w": example("f4", (30, 40)), "labels": example("i8", (5,)), "x.npy": example("u1", (3,)),
              "zeros": np.zeros(1000000, np.float32)}
    for save in (np.savez, np.savez_compressed):
        save(path, **arrays)
        for name, array in arrays.items():
            same(read(lib, f"{path}:{name}"), array)


def what_is_no_real_number_is_refused(lib, folder):
    path = os.path.join(folder, "a.npy")
    for array in (np.zeros(3, complex), np.array(["a"]), np.array([b"a"]), np.zeros(2, "M8[s]"), np.zeros(2, "g"),
                  np.zeros(2, [("x", "f4")]), np.array([None], object)):
        np.save(path, array, allow_pickle=True)
        out = NDArray()
        assert lib.rv_npy_read(c.byref(out), lib.context, path.encode()) == ERRORS["FORMAT"], array.dtype
        assert not out.data
        message = lib.rv_last_error(lib.context).decode()
        assert message.startswith(path + ": holds ") and message.endswith("expected real numbers"), message


run([the_library_reads_what_numpy_writes, all_versions_are_read, half_precision_becomes_single,
     numpy_reads_what_the_library_writes_byte_for_byte, members_of_archives_are_read,
     what_is_no_real_number_is_refused])
