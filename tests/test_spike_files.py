#!/usr/bin/env python3
"""Experiments on spikes in NumPy files do what they do on the same spikes in HDF5. Prints TAP."""
import os
import subprocess
import sys
import tempfile

try:
    import h5py
    import numpy as np
except ImportError as error:
    print(f"1..0 # SKIP {error}")
    sys.exit(0)

RANVIER = os.environ.get("RANVIER", "build/ranvier")
EXPERIMENT = """\
seed: 2
data:
  train: {SET}
network:
  layers:
    - {name: input, shape: 30, neuron: spike_input}
    - name: output
      shape: 3
      neuron: {type: leaky_integrate, readout: avg_var}
      connectivity: {type: dense, weight: {normal: {mean: 0.2, sd: 0.3}}}
      synapse: {type: exponential, tau: 5}
compiler: {type: eventprop, example_timesteps: auto, batch_size: 8}
training: {num_epochs: 3, validation_split: 0.25}
callbacks: []
"""
SETS = {"spike_files": "type: spike_files, num_neurons: 30, times: times.npy, ids: ids.npy, offsets: offsets.npy,"
                       " labels: labels.npy",
        "hdf5": "type: shd, file: spikes.h5, num_units: 30"}


def write_data(folder):
    rng = np.random.default_rng(3)
    times = [np.sort(rng.uniform(0, 0.05, rng.integers(0, 80))).astype(np.float32) for _ in range(50)]
    ids = [rng.integers(0, 30, len(each)).astype(np.uint16) for each in times]
    labels = rng.integers(0, 3, 50)
    with h5py.File(os.path.join(folder, "spikes.h5"), "w") as file:
        kinds = {"times": (times, np.float32), "units": (ids, np.uint16)}
        for name, (lists, kind) in kinds.items():
            data = file.create_dataset(f"spikes/{name}", (50,), dtype=h5py.vlen_dtype(kind))
            for i, each in enumerate(lists):
                data[i] = each
        file["labels"] = labels
    milliseconds = [(each.astype(np.float64) * 1000).astype(np.float32) for each in times]
    for name, array in (("times", np.concatenate(milliseconds)), ("ids", np.concatenate(ids)), ("labels", labels),
                        ("offsets", np.cumsum([0] + [len(each) for each in times]))):
        np.save(os.path.join(folder, name + ".npy"), array)


def history(folder, name, text=None):
    path = os.path.join(folder, name + ".yaml")
    with open(path, "w") as file:
        file.write(text or EXPERIMENT.replace("SET", SETS[name]))
    out = os.path.join(folder, name)
    result = subprocess.run([RANVIER, "train", path, "-q", "-o", out], capture_output=True, text=True, timeout=60)
    if result.returncode:
        raise AssertionError(result.stderr)
    with open(os.path.join(out, "history.csv")) as file:
        return file.read()


def written(folder):
    """The history of training from the files that `ranvier data` makes of the sets in HDF5."""
    experiment = EXPERIMENT.replace("SET", SETS["hdf5"])
    result = subprocess.run([RANVIER, "data", os.path.join(folder, "hdf5.yaml"), "--out", os.path.join(folder, "made")],
                            capture_output=True, text=True, timeout=60)
    if result.returncode:
        raise AssertionError(result.stderr)
    section = experiment[experiment.index("data:"):experiment.index("network:")]
    return history(folder, "written", experiment.replace(section, result.stdout))


with tempfile.TemporaryDirectory() as work:
    write_data(work)
    read = history(work, "hdf5")
    print("1..2")
    failed = False
    for number, name, found in ((1, "spikes_in_numpy_files_train_as_those_in_hdf5", history(work, "spike_files")),
                                (2, "ranvier_data_writes_files_that_train_as_what_they_are_made_of", written(work))):
        if found == read and found.count("\n") == 4:
            print(f"ok {number} - {name}")
        else:
            failed = True
            print(found, read, f"not ok {number} - {name}", sep="\n")
    sys.exit(failed)
