#!/usr/bin/env python3
"""Keras models become spiking networks that say what NumPy's forward pass says. Prints TAP."""
import json
import os
import subprocess
import sys
import tempfile
import traceback

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"1..0 # SKIP {missing.name} is not installed")
    raise SystemExit(0)

RANVIER = os.environ.get("RANVIER", "build/ranvier")
ROOT = os.environ.get("RV_SOURCE_ROOT", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SHARED = os.path.join(ROOT, "..", "shared", "data")
RNG = np.random.default_rng(5)


def run(*args):
    return subprocess.run([RANVIER, *args], capture_output=True, text=True, timeout=120)


def layer(kind, name, **config):
    return {"class_name": kind, "config": {"name": name, **config}}


def write_model(path, layers, weights):
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps({"class_name": "Sequential", "config": {"layers": layers}})
        for name, array in weights.items():
            file[f"model_weights/{name}"] = array


def pool_model(folder, kind, data_format="channels_last"):
    """Conv2D, pool, Dense; returns the path and NumPy's forward pass."""
    kernel, bias = RNG.normal(0, 0.5, (3, 3, 1, 4)), RNG.normal(0, 0.1, 4)
    dense, offset = RNG.normal(0, 0.5, (36, 5)), RNG.normal(0, 0.5, 5)
    form = {"data_format": data_format}
    shape = [None, 1, 8, 8] if data_format == "channels_first" else [None, 8, 8, 1]
    path = os.path.join(folder, "model.h5")
    write_model(path, [layer("Conv2D", "conv", batch_input_shape=shape, filters=4, kernel_size=[3, 3], activation="relu",
                             **form),
                       layer(kind, "pool", pool_size=[2, 2], **form), layer("Flatten", "flat"),
                       layer("Dropout", "drop", rate=0.5), layer("Dense", "dense", units=5, activation="softmax")],
                {"conv/kernel": kernel, "conv/bias": bias, "dense/kernel": dense, "dense/bias": offset})

    def forward(x):
        y = np.zeros((len(x), 6, 6, 4)) + bias
        for i in range(3):
            for j in range(3):
                y += x[:, i:i + 6, j:j + 6, None] * kernel[i, j, 0]
        y = np.maximum(y, 0).reshape(-1, 3, 2, 3, 2, 4)
        y = y.max((2, 4)) if kind == "MaxPooling2D" else y.mean((2, 4))
        if data_format == "channels_first":  # a Flatten that is not told so leaves the order as it is
            y = y.transpose(0, 3, 1, 2)
        return y.reshape(len(x), -1) @ dense + offset

    return path, forward


def agreement(folder, path, forward, to):
    """The part of 200 random inputs of which the spiking network says what NumPy says."""
    x = RNG.random((200, 8, 8)).astype(np.float32)
    np.save(os.path.join(folder, "x.npy"), x)
    np.save(os.path.join(folder, "y.npy"), forward(x).argmax(1).astype(np.int32))
    data = os.path.join(folder, "data.yaml")
    with open(data, "w", encoding="utf-8") as file:
        file.write("data:\n  encoder: values\n  test: {type: npy, values: x.npy, labels: y.npy}\n")
    done = run("convert", path, "--to", to, "--norm", "data", "--data", data, "--out", os.path.join(folder, "out"))
    assert done.returncode == 0, done.stderr
    done = run("evaluate", os.path.join(folder, "out", "model.yaml"))
    assert done.returncode == 0, done.stderr
    return float(next(line for line in done.stdout.splitlines() if "accuracy" in line).split()[-1])


def few_spike_networks_say_what_numpy_says(folder):
    for kind in "MaxPooling2D", "AveragePooling2D":
        got = agreement(folder, *pool_model(folder, kind), "few-spike")
        assert got >= 0.98, (kind, got)


def channels_first_is_put_in_order(folder):
    got = agreement(folder, *pool_model(folder, "MaxPooling2D", "channels_first"), "few-spike")
    assert got >= 0.98, got


def integrate_and_fire_networks_come_close(folder):
    got = agreement(folder, *pool_model(folder, "MaxPooling2D"), "if")
    assert got >= 0.85, got


def a_layer_that_is_not_converted_is_named(folder):
    path = os.path.join(folder, "lstm.h5")
    write_model(path, [layer("LSTM", "memory", batch_input_shape=[None, 4, 4], units=3)], {})
    done = run("convert", path, "--to", "few-spike", "--out", os.path.join(folder, "out"))
    assert done.returncode == 1 and "layer 'memory' (LSTM)" in done.stderr, done.stderr


def damaged_files_are_refused(folder):
    path, _ = pool_model(folder, "MaxPooling2D")
    with open(path, "rb") as file:
        whole = file.read()
    damaged = os.path.join(folder, "damaged.h5")
    for i in range(30): # cut short; HDF5 1.10 itself does not survive every flipped byte
        with open(damaged, "wb") as file:
            file.write(whole[:len(whole) * (i + 1) // 31])
        done = run("convert", damaged, "--to", "few-spike", "--out", os.path.join(folder, "out"))
        assert done.returncode in (0, 1), (i, done.returncode, done.stderr)
    with h5py.File(path, "a") as file:
        del file["model_weights/dense/kernel"]
        file["model_weights/dense/kernel"] = np.zeros((35, 5))
    done = run("convert", path, "--to", "few-spike", "--out", os.path.join(folder, "out"))
    assert done.returncode == 1 and "layer 'dense': kernel" in done.stderr, done.stderr


def a_real_model_keeps_its_accuracy(folder):
    data = os.path.join(ROOT, "data", "mnist_pixels.yaml")
    model = os.path.join(SHARED, "models", "divya_mnist_ann.keras")
    if not os.path.exists(model):
        return "SKIP ../shared is not there"
    out = os.path.join(folder, "out")
    done = run("convert", model, "--to", "few-spike", "--norm", "data", "--data", data, "--out", out)
    assert done.returncode == 0, done.stderr
    done = run("evaluate", os.path.join(out, "model.yaml"))
    accuracy = float(next(line for line in done.stdout.splitlines() if "accuracy" in line).split()[-1])
    assert abs(accuracy - 0.9758) <= 0.003, accuracy
    return None


TESTS = [few_spike_networks_say_what_numpy_says, channels_first_is_put_in_order, integrate_and_fire_networks_come_close,
         a_layer_that_is_not_converted_is_named, damaged_files_are_refused, a_real_model_keeps_its_accuracy]
print(f"1..{len(TESTS)}")
failed = 0
for number, test in enumerate(TESTS, 1):
    try:
        with tempfile.TemporaryDirectory() as temporary:
            skipped = test(temporary)
        print(f"ok {number} - {test.__name__}" + (f" # {skipped}" if skipped else ""))
    except Exception:
        failed += 1
        print(f"not ok {number} - {test.__name__}")
        print("".join(f"# {line}\n" for line in traceback.format_exc().splitlines()), end="")
sys.exit(failed > 0)
