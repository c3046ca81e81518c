#!/usr/bin/env python3
"""HDF5 files written by h5py in the layout of the Spiking Heidelberg Digits, good and bad ones."""
import ctypes as c
import os
import random

from ranvier_ctypes import ERRORS, Dataset, Shd, Skip, run, spikes_of

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"1..0 # SKIP {missing.name} is not installed")
    raise SystemExit(0)


def write(path, times, units, labels, times_type=np.float16, units_type=np.uint16, **options):
    """A file of lists; None leaves one out, arrays of two dimensions are stored as such."""
    def add(group, name, lists, dtype):
        if lists is None:
            return
        if isinstance(lists, np.ndarray):
            group.create_dataset(name, data=lists)
            return
        data = group.create_dataset(name, (len(lists),), dtype=h5py.vlen_dtype(dtype), **options)
        for i, values in enumerate(lists):
            data[i] = np.asarray(values, dtype)

    with h5py.File(path, "w") as file:
        group = file.create_group("spikes")
        add(group, "times", times, times_type)
        add(group, "units", units, units_type)
        if labels is not None:
            file["labels"] = labels


def read(lib, path, **options):
    """The data set, or raises the library's message after its code."""
    dataset = Dataset()
    rc = lib.rv_read_shd(c.byref(dataset), lib.context, path.encode(), c.byref(Shd(**options)) if options else None)
    if rc == ERRORS["UNSUPPORTED"] and b"this build has no HDF5" in lib.rv_last_error(lib.context):
        raise Skip("this build has no HDF5")
    if rc < 0:
        assert bytes(dataset) == bytes(Dataset()), "something is left in the data set"
        raise RuntimeError(rc, lib.rv_last_error(lib.context).decode())
    return dataset


def refuses(lib, path, code, reason, **options):
    try:
        read(lib, path, **options)
    except RuntimeError as error:
        assert error.args[0] == ERRORS[code] and reason in error.args[1] and path in error.args[1], error.args
    else:
        assert False, f"was read, expected: {reason}"


def random_lists(num, seed=1):
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 400, num)
    counts[0] = 0
    times = [rng.random(n).astype(np.float16) for n in counts]
    units = [rng.integers(0, 700, n).astype(np.uint16) for n in counts]
    return times, units, rng.integers(0, 20, num)


def check(lib, dataset, times, units, labels):
    assert dataset.num_examples == len(times) and dataset.num_inputs == 700 and list(dataset.shape) == [700, 0, 0, 0]
    assert dataset.labels[:len(labels)] == list(labels) and dataset.num_classes == max(labels) + 1
    for i, (t, u) in enumerate(zip(times, units)):
        t = np.float32(t.astype(np.float64) * 1000)
        order = np.lexsort((u, t))
        got_times, got_units = spikes_of(lib, dataset, i)
        assert got_times == t[order].astype(float).tolist() and got_units == u[order].tolist(), i
    lib.rv_dataset_clear(c.byref(dataset))


def files_of_h5py_are_read(lib, folder):
    path = os.path.join(folder, "shd.h5")
    times, units, labels = random_lists(150)
    write(path, times, units, labels)
    check(lib, read(lib, path), times, units, labels)
    write(path, times, units, labels.astype(np.uint8), np.float64, np.int64, chunks=(10,), compression="gzip")
    check(lib, read(lib, path), times, units, labels)
    write(path, times, units, labels, np.dtype(">f4"), np.dtype(">i4"))
    check(lib, read(lib, path), times, units, labels)


def all_ways_to_store_lists_are_read(lib, folder):
    path = os.path.join(folder, "shd.h5")
    times, units, labels = random_lists(150)
    for options in ({"chunks": (7,)}, {"chunks": (64,), "compression": 9, "shuffle": True},
                    {"chunks": (1000,), "maxshape": (None,), "shuffle": True}):
        write(path, times, units, labels, **options)
        check(lib, read(lib, path), times, units, labels)


def lists_that_were_never_written_are_empty(lib, folder):
    path = os.path.join(folder, "shd.h5")
    for chunks in (None, (4,)):
        with h5py.File(path, "w") as file:
            for name in ("spikes/times", "spikes/units"):
                data = file.create_dataset(name, (10,), dtype=h5py.vlen_dtype(np.float32), chunks=chunks)
                if chunks:
                    data[9] = [1.0, 2.0]
        dataset = read(lib, path)
        counts = [len(spikes_of(lib, dataset, i)[0]) for i in range(10)]
        assert counts == [0] * 9 + [2 if chunks else 0], counts
        lib.rv_dataset_clear(c.byref(dataset))


def files_with_a_user_block_and_new_formats_are_read(lib, folder):
    path = os.path.join(folder, "shd.h5")
    times, units, labels = random_lists(20)
    for options in ({"userblock_size": 1024}, {"libver": "latest"}, {"userblock_size": 512, "libver": "latest"}):
        for chunks in (None, (8,)):
            with h5py.File(path, "w", **options) as file:
                for name, lists, dtype in (("times", times, "f2"), ("units", units, "u2")):
                    data = file.create_dataset(f"spikes/{name}", (20,), dtype=h5py.vlen_dtype(dtype), chunks=chunks)
                    for i, values in enumerate(lists):
                        data[i] = values
                file["labels"] = labels
            check(lib, read(lib, path), times, units, labels)


def times_are_scaled_and_units_counted(lib, folder):
    path = os.path.join(folder, "shd.h5")
    write(path, [[500, 250]], [[1, 3]], None, np.int32)
    dataset = read(lib, path, num_units=4, time_scale=0.001)
    assert spikes_of(lib, dataset, 0) == ([0.25, 0.5], [3, 1])
    assert dataset.num_inputs == 4 and not dataset.labels
    lib.rv_dataset_clear(c.byref(dataset))


def no_examples_are_no_error(lib, folder):
    path = os.path.join(folder, "shd.h5")
    write(path, [], [], np.zeros(0, int))
    dataset = read(lib, path)
    assert dataset.num_examples == 0
    lib.rv_dataset_clear(c.byref(dataset))


def bad_spikes_and_labels_are_errors(lib, folder):
    path = os.path.join(folder, "shd.h5")
    write(path, [[0.5], [0.1, -0.5]], [[1], [2, 3]], [0, 1])
    refuses(lib, path, "SPIKE", "example 1: spike 1: the time must be >= 0, got -0.5")
    write(path, [[np.nan]], [[1]], [0])
    refuses(lib, path, "SPIKE", "the time must be >= 0, got nan")
    write(path, [[1e30]], [[1]], [0], np.float64)
    refuses(lib, path, "SPIKE", "got 1e+30", time_scale=1e20)
    write(path, [[0.5]], [[700]], [0])
    refuses(lib, path, "SPIKE", "example 0: spike 0: the unit must be 0 to 699, got 700")
    write(path, [[0.5]], [[-1]], [0], units_type=np.int16)
    refuses(lib, path, "SPIKE", "the unit must be 0 to 699, got -1")
    write(path, [[0.5, 0.6]], [[1]], [0])
    refuses(lib, path, "FORMAT", "example 0 has 2 times and 1 units")
    write(path, [[0.5]], [[1]], [-3])
    refuses(lib, path, "LABEL", "example 0: the label must be a whole number >= 0, got -3")
    write(path, [[0.5]], [[1]], [0.5])
    refuses(lib, path, "LABEL", "got 0.5")


def other_layouts_are_errors(lib, folder):
    path = os.path.join(folder, "shd.h5")
    write(path, None, [[1]], [0])
    refuses(lib, path, "FORMAT", "spikes/times: there is no such data set")
    write(path, [[1]], None, [0])
    refuses(lib, path, "FORMAT", "spikes/units: there is no such data set")
    write(path, np.zeros((2, 3)), [[1], [1]], [0, 0])
    refuses(lib, path, "FORMAT", "spikes/times: expected one dimension")
    write(path, np.zeros(2), [[1], [1]], [0, 0])
    refuses(lib, path, "FORMAT", "spikes/times: expected lists of numbers (variable length)")
    write(path, [[1]], [[1]], [b"a"])
    refuses(lib, path, "FORMAT", "labels: expected numbers in one dimension")
    write(path, [[1]] * 500, [[1]] * 500, [0] * 500, chunks=(500,), compression="lzf")
    refuses(lib, path, "UNSUPPORTED", "stored with a filter other than deflate and shuffle")
    write(path, [[1]], [[1]], [0, 1])
    refuses(lib, path, "SHAPE", "has 1 lists of times and 2 labels")
    write(path, [[1]], [[1], [2]], [0])
    refuses(lib, path, "SHAPE", "has 1 lists of times and 2 of units")
    with h5py.File(path, "w") as file:
        file["spikes/times"] = h5py.Empty("f4")
        file["spikes/units"] = h5py.Empty("f4")
    refuses(lib, path, "FORMAT", "spikes/times: expected one dimension")
    with h5py.File(path, "w") as file:
        file["spikes"] = 3
    refuses(lib, path, "FORMAT", "spikes/times: there is no such data set")


def a_length_the_file_cannot_hold_is_an_error(lib, folder):
    path = os.path.join(folder, "shd.h5")
    with h5py.File(path, "w") as file:
        for name in ("spikes/times", "spikes/units"):
            file.create_dataset(name, (1 << 40,), dtype=h5py.vlen_dtype(np.float32), chunks=(1024,))
    refuses(lib, path, "FORMAT", "spikes/times: expected one dimension, of a length that fits the file")


def what_is_no_hdf5_file_is_an_error(lib, folder):
    path = os.path.join(folder, "shd.h5")
    refuses(lib, path, "FILE", "cannot open, or not an HDF5 file")
    for content in (b"", b"hello", b"\x89HDF\r\n\x1a\n" + bytes(100)):
        with open(path, "wb") as file:
            file.write(content)
        refuses(lib, path, "FILE", "cannot open, or not an HDF5 file")


def a_file_that_was_cut_is_an_error(lib, folder):
    path = os.path.join(folder, "shd.h5")
    write(path, *random_lists(40))
    whole = open(path, "rb").read()
    for i in range(100):
        with open(path, "wb") as file:
            file.write(whole[:len(whole) * i // 100])
        try:
            read(lib, path)
        except RuntimeError as error:
            assert error.args[0] in (ERRORS["FILE"], ERRORS["FORMAT"]), error.args
        else:
            assert False, f"{i} % of a file were read"


def damaged_files_give_data_or_an_error(lib, folder):
    path = os.path.join(folder, "shd.h5")
    rng = random.Random(1)
    for options in ({}, {"chunks": (8,), "compression": "gzip", "shuffle": True}):
        write(path, *random_lists(20), **options)
        whole = open(path, "rb").read()
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(rng.randint(1, 4)):
                damaged[rng.randrange(rng.choice([3000, len(whole)]))] = rng.randrange(256)
            with open(path, "wb") as file:
                file.write(damaged)
            try:
                dataset = read(lib, path)
            except RuntimeError as error:
                assert error.args[0] in ERRORS.values() and error.args[1], error.args
            else:
                lib.rv_dataset_clear(c.byref(dataset))


def h5py_still_reports_its_own_errors(lib, folder):
    path = os.path.join(folder, "none.h5")
    refuses(lib, path, "FILE", "cannot open")
    try:
        h5py.File(path, "r")
    except OSError as error:
        assert "No such file" in str(error)
    else:
        assert False


run([files_of_h5py_are_read, all_ways_to_store_lists_are_read, lists_that_were_never_written_are_empty,
     files_with_a_user_block_and_new_formats_are_read, times_are_scaled_and_units_counted, no_examples_are_no_error,
     bad_spikes_and_labels_are_errors, other_layouts_are_errors, a_length_the_file_cannot_hold_is_an_error,
     what_is_no_hdf5_file_is_an_error, a_file_that_was_cut_is_an_error,
     damaged_files_give_data_or_an_error, h5py_still_reports_its_own_errors])
