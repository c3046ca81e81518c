#!/usr/bin/env python3
"""Real data sets come out of the readers as NumPy reads them from the same files."""
import ctypes as c
import gzip
import os

from ranvier_ctypes import Dataset, Nmnist, run, shared, spikes_of

try:
    import numpy as np
except ImportError:
    print("1..0 # SKIP numpy is not installed")
    raise SystemExit(0)


def read(lib, function, *args):
    dataset = Dataset()
    if function(c.byref(dataset), lib.context, *args) < 0:
        raise RuntimeError(lib.rv_last_error(lib.context).decode())
    return dataset


def compare(lib, dataset, values, labels):
    """Values (examples, ...) and labels must be these; clears the data set."""
    assert dataset.num_examples == len(values)
    assert tuple(n for n in dataset.shape if n) == values.shape[1:]
    got = np.ctypeslib.as_array(dataset.values, (values.size,))
    assert np.array_equal(got, values.reshape(-1).astype(np.float32))
    assert np.array_equal(np.ctypeslib.as_array(dataset.labels, (len(labels),)), labels)
    assert dataset.num_classes == labels.max() + 1
    lib.rv_dataset_clear(c.byref(dataset))


def mnist_is_read_from_gzipped_idx(lib, folder):
    for split in ("train", "t10k"):
        images, labels = (shared(f"mnist/{split}-{part}-ubyte.gz") for part in ("images-idx3", "labels-idx1"))
        expected = np.frombuffer(gzip.open(images).read(), np.uint8, offset=16).reshape(-1, 28, 28)
        compare(lib, read(lib, lib.rv_read_idx, images.encode(), labels.encode()), expected,
                np.frombuffer(gzip.open(labels).read(), np.uint8, offset=8))


def optdigits_is_read_from_csv(lib, folder):
    for name in ("optdigits.tra", "optdigits.tes"):
        path = shared(f"optdigits/{name}")
        expected = np.loadtxt(path, delimiter=",")
        compare(lib, read(lib, lib.rv_read_csv, path.encode(), -1), expected[:, :-1], expected[:, -1].astype(int))


def yin_yang_is_read_from_npy(lib, folder):
    for split in ("train", "validation", "test"):
        samples, labels = (shared(f"yinyang/{split}_{part}.npy") for part in ("samples", "labels"))
        compare(lib, read(lib, lib.rv_read_npy, samples.encode(), labels.encode()), np.load(samples), np.load(labels))


def events_of(folder, sample):
    """(times in us, neuron ids) of one N-MNIST recording."""
    raw = np.fromfile(os.path.join(folder, f"{sample}.bs2"), np.uint8).reshape(-1, 5).astype(int)
    x, y = raw[:, 0], raw[:, 1]
    assert y.max() < 34
    return (raw[:, 2] & 127) << 16 | raw[:, 3] << 8 | raw[:, 4], (y * 34 + x) * 2 + (raw[:, 2] >> 7)


def nmnist_is_read_from_events(lib, folder):
    index, recordings = shared("nmnist-small/test100.txt"), shared("nmnist-small")
    dataset = read(lib, lib.rv_read_nmnist, index.encode(), recordings.encode(), None)
    samples, labels = np.loadtxt(index, dtype=int, unpack=True)
    assert dataset.num_examples == 100 and list(dataset.shape) == [34, 34, 2, 0]
    assert dataset.labels[:100] == labels.tolist()
    for i, sample in enumerate(samples):
        t, ids = events_of(recordings, sample)
        t = (t * 0.001).astype(np.float32)
        order = np.lexsort((ids, t))
        assert spikes_of(lib, dataset, i) == (t[order].astype(float).tolist(), ids[order].tolist()), sample
    lib.rv_dataset_clear(c.byref(dataset))


def nmnist_histograms_are_those_of_numpy(lib, folder):
    index, recordings = shared("nmnist-small/test100.txt"), shared("nmnist-small")
    samples = np.loadtxt(index, dtype=int, usecols=0)
    for threshold, dt in ((1, 1.0), (2, 5.0)):
        desc = Nmnist(dt=dt, histogram_thresh=threshold)
        dataset = read(lib, lib.rv_read_nmnist, index.encode(), recordings.encode(), c.byref(desc))
        for i, sample in enumerate(samples):
            t, ids = events_of(recordings, sample)
            # an edge beyond the last event, where NumPy's last bin would be closed on both sides
            edges = np.arange(0, t.max() * 0.001 + 2 * dt, dt)
            counts = np.histogram2d(t * 0.001, ids, (edges, np.arange(2313)))[0]
            steps, neurons = np.nonzero(counts > threshold)
            assert spikes_of(lib, dataset, i) == ((steps * dt).tolist(), neurons.tolist()), (threshold, sample)
        lib.rv_dataset_clear(c.byref(dataset))


run([mnist_is_read_from_gzipped_idx, optdigits_is_read_from_csv, yin_yang_is_read_from_npy,
     nmnist_is_read_from_events, nmnist_histograms_are_those_of_numpy])
