#!/usr/bin/env python3
"""Keras models become spiking networks that say what NumPy's forward pass says. Prints TAP."""
import ctypes as c
import json
import os
import subprocess
import sys

try:
    import h5py
    import numpy as np
except ImportError as missing:
    print(f"1..0 # SKIP {missing.name} is not installed")
    raise SystemExit(0)

import ranvier_ctypes
from keras_models import Model

RANVIER = os.environ.get("RANVIER", "build/ranvier")
ROOT = os.environ.get("RV_SOURCE_ROOT", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FEW_SPIKE, IF = 0, 1


class ConvertDesc(c.Structure):
    _fields_ = [("to", c.c_int), ("k", c.c_size_t), ("alpha", c.c_double), ("signed_input", c.c_bool),
                ("input", c.c_int), ("norm_values", c.POINTER(c.c_float)), ("num_norm_values", c.c_size_t)]


class Converted(c.Structure):
    _fields_ = [("network", c.c_void_p), ("input", c.c_void_p), ("output", c.c_void_p)]


class CompilerDesc(c.Structure):  # rv_few_spike_desc's k, rv_inference_desc's example_timesteps
    _fields_ = [("steps", c.c_size_t), ("dt", c.c_double), ("batch_size", c.c_size_t)]


class Input(c.Structure):
    _fields_ = [("population", c.c_void_p), ("spikes", c.c_void_p), ("values", c.POINTER(c.c_float)),
                ("num_values", c.c_size_t)]


def run(*args):
    return subprocess.run([RANVIER, *args], capture_output=True, text=True, timeout=120)


def check(lib, code):
    assert code >= 0, lib.rv_last_error(lib.context).decode()


def floats(array):
    return array.ctypes.data_as(c.POINTER(c.c_float))


def outputs(lib, path, x, steps, to=FEW_SPIKE, **desc):
    """What the outputs of the converted network hold after x (examples, height, width, channels) was shown."""
    converted, model, simulation = Converted(), c.c_void_p(), c.c_void_p()
    values = np.ascontiguousarray(x, np.float32)
    desc = ConvertDesc(to=to, k=steps if to == FEW_SPIKE else 0, norm_values=floats(values), num_norm_values=values.size,
                       **desc)
    check(lib, lib.rv_convert_keras(c.byref(converted), lib.context, path.encode(), c.byref(desc)))
    network = c.c_void_p(converted.network)
    compile_network = lib.rv_compile_few_spike if to == FEW_SPIKE else lib.rv_compile_inference
    check(lib, compile_network(c.byref(model), network, c.byref(CompilerDesc(steps, 1, len(x)))))
    check(lib, lib.rv_simulation_create(c.byref(simulation), model, c.c_size_t(len(x))))
    fed = Input(converted.input, None, floats(values), values.size)
    check(lib, lib.rv_simulation_set_input(simulation, c.byref(fed)))
    lib.rv_compiled_network_example_timesteps.restype = c.c_size_t
    for _ in range(lib.rv_compiled_network_example_timesteps(model)):
        check(lib, lib.rv_simulation_step_time(simulation))
    lib.rv_population_size.restype = c.c_size_t
    out = np.zeros((len(x), lib.rv_population_size(c.c_void_p(converted.output))), np.float32)
    check(lib, lib.rv_simulation_get_readout(simulation, c.c_void_p(converted.output), floats(out), c.c_size_t(out.size)))
    lib.rv_simulation_free(simulation)
    lib.rv_compiled_network_free(model)
    lib.rv_network_free(network)
    return out


def save(model, folder, form):
    path = os.path.join(folder, "model.keras" if form == "keras" else "model.h5")
    if form == "keras":
        model.save_keras(path)
    else:
        model.save_h5(path, form)
    return path


def inputs(model, examples=12, low=0.0):
    return np.random.default_rng(7).uniform(low, 1, (examples, *model.shape)).astype(np.float32)


def channels_last(model, x):
    return x.transpose(0, 2, 3, 1) if model.is_image_first() else x


def compare(lib, folder, model, form, low=0.0):
    """Few-spike networks hold the outputs to their digits."""
    x = inputs(model, low=low)
    wanted = model.run(x.astype(np.float64)).reshape(len(x), -1)
    digits = 24 if low < 0 else 20  # with a sign, two steps a digit
    got = outputs(lib, save(model, folder, form), channels_last(model, x), digits, signed_input=low < 0)
    error = np.abs(got - wanted).max() / wanted.std(0).min()  # of what differs between examples
    assert error < 5e-3, (form, model.layers[-1], error)


def chain(shape=(8, 8, 1), seed=1, channels_first=False, told=False):
    """Convolution, pool, dense: what a Sequential model has."""
    model = Model(shape, seed, channels_first)
    model.conv(4, activation="relu")
    model.add("MaxPooling2D", pool_size=[2, 2])
    model.add("Dropout", rate=0.5)
    model.add("Flatten", **({"data_format": "channels_first"} if told else {}))
    model.dense(12)
    model.add("Activation", activation="relu")
    model.dense(5)
    model.add("Softmax")
    return model


def residual(seed=2, channels_first=False):
    """Two blocks: a shortcut as it is, and a projected one behind a stride."""
    model = Model((2, 8, 8) if channels_first else (8, 8, 2), seed, channels_first)
    model.conv(4, padding="same", use_bias=False)
    model.norm()
    start = model.add("ReLU")
    for strides in 1, 2:
        model.conv(4 * strides, padding="same", strides=[strides, strides], source=start, use_bias=False)
        model.norm()
        model.add("ReLU")
        model.conv(4 * strides, padding="same")
        last = model.norm()
        shortcut = start
        if strides == 2:
            model.conv(8, 1, strides=[2, 2], source=start)
            shortcut = model.norm()
        model.add("Add", [last, shortcut])
        start = model.add("Activation", activation="relu")
    model.add("GlobalAveragePooling2D")
    model.dense(5)
    return model


def sequential_models_are_exact_to_their_digits(lib, folder):
    for form in 2, 3, "keras":
        compare(lib, folder, chain(), form)


def functional_models_with_shortcuts_are_too(lib, folder):
    for form in 2, 3, "keras":
        compare(lib, folder, residual(), form)


def branches_without_a_relu_are_added_up(lib, folder):
    """Pre-activation: the sum itself goes on, a ReLU of it to one side; then sums of sums, and normalisation of them."""
    model = Model((6, 6, 3), 3)
    trunk = model.conv(4, padding="same")
    for _ in range(2):
        model.add("ReLU", trunk)
        branch = model.conv(4, padding="same")
        trunk = model.add("Add", [trunk, branch])
    model.norm(trunk)
    model.add("ReLU")
    model.add("Flatten")
    model.dense(4)
    compare(lib, folder, model, "keras")


def batch_normalization_is_folded(lib, folder):
    for config in {}, {"scale": False}, {"center": False}:
        model = Model((7, 7, 2), 4)
        model.conv(5, activation="relu")
        model.norm(**config)  # behind a ReLU: scaled and shifted channels, of which a ReLU is taken
        model.add("ReLU")
        model.add("Flatten")
        model.dense(9)
        model.norm(**config)
        model.add("ReLU")
        model.dense(4)
        model.norm()
        compare(lib, folder, model, 3)


def pools_and_padding_are_as_in_keras(lib, folder):
    for kind in "MaxPooling2D", "AveragePooling2D":
        for config in ({"pool_size": [2, 2]}, {"pool_size": [3, 2], "strides": [2, 1]},
                       {"pool_size": [3, 3], "strides": [2, 2], "padding": "same"}):
            model = Model((9, 8, 2), 5)
            model.conv(3, 4, activation="relu", strides=[2, 1], padding="same")
            model.add(kind, **config)
            model.conv(4, 2, strides=[1, 2], activation="relu")
            model.add("GlobalAveragePooling2D")
            model.dense(4)
            compare(lib, folder, model, 3)


def channels_first_is_put_in_order(lib, folder):
    for told in False, True:
        compare(lib, folder, chain((3, 8, 8), 6, True, told), 2)
    compare(lib, folder, residual(7, True), "keras")


def signed_inputs_are_shown_with_signs(lib, folder):
    model = Model((8, 8, 2), 8)
    model.conv(6, activation="relu")
    model.add("Flatten")
    model.dense(4)
    compare(lib, folder, model, "keras", -1.0)
    x = inputs(model, low=-1.0)
    got = outputs(lib, save(model, folder, 3), x, 800, IF, signed_input=True, input=1)
    wanted = model.run(x.astype(np.float64))
    agree = np.corrcoef(got.ravel(), wanted.ravel())[0, 1]
    assert agree > 0.9, agree  # random spikes


def integrate_and_fire_networks_come_close(lib, folder):
    for model in chain(), residual():
        x = 3 * inputs(model)  # more than a spike a step can say, but for the norm
        wanted, steps = model.run(x.astype(np.float64)), 1500
        got = outputs(lib, save(model, folder, 3), x, steps, IF) / steps
        error = np.abs(got - wanted).max() / wanted.std()
        assert error < 0.15, error


def refused(folder, model, words, form=3):
    done = run("convert", save(model, folder, form), "--to", "few-spike", "--out", os.path.join(folder, "out"))
    assert done.returncode == 1 and words in done.stderr, (words, done.stderr)


def a_layer_that_is_not_converted_is_named(lib, folder):
    for kind, config, words in (
            ("LSTM", {"units": 3}, "'lstm_2' (LSTM): this kind of layer is not converted"),
            ("ReLU", {"max_value": 6}, "'relu_2' (ReLU): max_value"),
            ("ReLU", {"negative_slope": 0.1}, "'relu_2' (ReLU): a negative_slope"),
            ("Activation", {"activation": "tanh"}, "'activation_2' (Activation): its activation is neither"),
            ("MaxPooling2D", {"pool_size": [2, 2]}, "'maxpooling2d_2' (MaxPooling2D): what it takes may be negative")):
        model = Model((8, 8, 1), 9)
        model.conv(3)
        model.layers.append((kind, f"{kind.lower()}_2", [model.output], config))
        model.output = model.layers[-1][1]
        for sequential in True, False:
            model.sequential = sequential
            refused(folder, model, words)
    model = Model((8, 8, 1), 9)
    first = model.conv(3, activation="relu")
    model.add("Add", [first, model.conv(3, padding="same", source=first)])
    model.layers[-1][2][1] = "nowhere"
    refused(folder, model, "'add_3' (Add): it takes a layer that is not before it", 2)
    model = residual()
    model.weights["conv2d_1"]["kernel"] = model.weights["conv2d_1"]["kernel"][:2]
    refused(folder, model, "layer 'conv2d_1': kernel")


def damaged_files_are_refused(lib, folder):
    """Whatever byte is wrong, the program ends with an error or a network, never in a crash or a loop."""
    rng = np.random.default_rng(11)
    for form in 2, "keras":
        with open(save(residual(), folder, form), "rb") as file:
            whole = file.read()
        damaged = os.path.join(folder, "damaged")
        for i in range(60):
            data = bytearray(whole)
            if i < 15:
                data = data[:len(whole) * (i + 1) // 16]
            else:
                for at in rng.integers(0, len(data) if i % 2 else min(4096, len(data)), 1 + i % 4):
                    data[at] ^= 1 << int(rng.integers(0, 8)) if i % 3 else 0xff
            with open(damaged, "wb") as file:
                file.write(data)
            done = run("convert", damaged, "--to", "few-spike", "--out", os.path.join(folder, "out"))
            assert done.returncode in (0, 1), (form, i, done.returncode, done.stderr)
            assert done.returncode == 0 or "damaged" in done.stderr, done.stderr  # the file's name, at least


def accuracy_of(folder, *extra):
    done = run("evaluate", os.path.join(folder, "model.yaml"), *extra)
    assert done.returncode == 0, done.stderr
    return float(next(line for line in done.stdout.splitlines() if "accuracy" in line).split()[-1])


def the_program_writes_what_it_evaluates(lib, folder):
    """Channels-first images in the data too; options of the command reach the file."""
    model = residual(7, True)
    x = inputs(model, 100)
    np.save(os.path.join(folder, "x.npy"), x)
    np.save(os.path.join(folder, "y.npy"), model.run(x).argmax(1).astype(np.int32))
    data, out = os.path.join(folder, "data.yaml"), os.path.join(folder, "out")
    path = save(model, folder, "keras")
    for encoder, status in ("values", 1), ("{type: values, channels_first: true}", 0):
        with open(data, "w", encoding="utf-8") as file:
            file.write(f"data:\n  encoder: {encoder}\n  test: {{type: npy, values: x.npy, labels: y.npy}}\n")
        done = run("convert", path, "--to", "few-spike", "--k", "14", "--norm", "data", "--data", data, "--out", out)
        assert done.returncode == status and ("channels_first: true" in done.stderr) == (status == 1), done.stderr
    assert accuracy_of(out) >= 0.98
    done = run("convert", path, "--to", "if", "--timesteps", "700", "--norm", "data", "--data", data, "--out", out)
    assert done.returncode == 0, done.stderr
    assert accuracy_of(out) >= 0.85
    with open(os.path.join(out, "model.yaml"), encoding="utf-8") as file:
        assert "example_timesteps: 700" in file.read()


def a_real_model_keeps_its_accuracy(lib, folder):
    path, out = ranvier_ctypes.shared("models/divya_mnist_ann.keras"), os.path.join(folder, "out")
    done = run("convert", path, "--to", "few-spike", "--norm", "data", "--data",
               os.path.join(ROOT, "data", "mnist_pixels.yaml"), "--out", out)
    assert done.returncode == 0, done.stderr
    accuracy = accuracy_of(out)
    assert abs(accuracy - 0.9758) <= 0.003, accuracy


ranvier_ctypes.run([
    sequential_models_are_exact_to_their_digits, functional_models_with_shortcuts_are_too,
    branches_without_a_relu_are_added_up, batch_normalization_is_folded, pools_and_padding_are_as_in_keras,
    channels_first_is_put_in_order, signed_inputs_are_shown_with_signs, integrate_and_fire_networks_come_close,
    a_layer_that_is_not_converted_is_named, damaged_files_are_refused, the_program_writes_what_it_evaluates,
    a_real_model_keeps_its_accuracy])
