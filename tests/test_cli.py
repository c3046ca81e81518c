"""The program: what it prints, what it writes, how it exits. Prints TAP."""
import csv
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

RANVIER = os.environ.get("RANVIER", "build/ranvier")
ROOT = os.environ.get("RV_SOURCE_ROOT", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DIGITS = os.path.join(ROOT, "examples", "digits.yaml")
TWO_NEURONS = os.path.join(ROOT, "examples", "two_neurons.yaml")

EXPERIMENT = """\
seed: 3
data:
  root: {root}
  encoder: {{type: linear_latency, min_time: 1, max_time: 16, threshold: 0, max_value: 16}}
  train: {{type: csv, file: optdigits.tra, limit: 300}}
  test: {{type: csv, file: optdigits.tes, limit: 100}}
network:
  populations:
    input:
      shape: 64
      neuron: spike_input
    hidden:
      shape: 32
      neuron:
        type: leaky_integrate_fire
        tau_mem: 20
    output:
      shape: 10
      neuron: {{type: LeakyIntegrate, readout: AvgVar}}
  connections:
    - source: input
      target: hidden
      connectivity: {{type: dense, weight: {{normal: {{mean: 0.3, sd: 0.2}}}}}}
      synapse: {{type: exponential, tau: 5}}
    - source: hidden
      target: output
      connectivity: {{type: dense, weight: {{normal: {{mean: 0.2, sd: 0.37}}}}}}
      synapse: {{type: exponential, tau: 5}}
compiler:
  type: eventprop
  batch_size: 32
  optimiser: {{type: adam, alpha: 0.01}}
training:
  num_epochs: 2
""".format(root=os.path.join(ROOT, "data", "optdigits"))

cases = []


def case(function):
    cases.append(function)
    return function


def run(*args, cwd=None, env=None, **more):
    return subprocess.run([RANVIER, *args], cwd=cwd, capture_output=True, text=True, timeout=120,
                          env={**os.environ, **(env or {})}, **more)


def check(condition, *shown):
    if not condition:
        raise AssertionError("\n".join(str(x) for x in shown))


def check_status(result, status):
    check(result.returncode == status, f"exit status {result.returncode}, expected {status}", result.stderr,
          result.stdout)


def write(folder, text, name="test.yaml"):
    path = os.path.join(folder, name)
    with open(path, "w" if isinstance(text, str) else "wb") as file:
        file.write(text)
    return path


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def checkpoint_bytes(folder):
    return {os.path.basename(path): read(path) for path in glob.glob(os.path.join(folder, "checkpoint", "*.npy"))}


def fails_at(folder, old, new, message, marker=None, args=("info",)):
    """Changes a piece of the experiment; the program must fail with one line that holds the line's number and the
    message. marker: a text in the line at fault, by default what is new."""
    check(old in EXPERIMENT, f"no '{old}' in the experiment")
    text = EXPERIMENT.replace(old, new, 1)
    path = write(folder, text)
    marker = marker or new.strip().splitlines()[0]
    line = text[: text.index(marker)].count("\n") + 1
    result = run(*args, path)
    check_status(result, 1)
    check(len(result.stderr.splitlines()) == 1, "expected one line:", result.stderr)
    check(result.stderr.startswith(f"ranvier: {path}:{line}: "), f"expected line {line}:", result.stderr)
    check(message in result.stderr, f"expected '{message}':", result.stderr)


# ---- the command line ----


@case
def help_is_found_in_every_way_and_goes_to_standard_output(_):
    for command in "train", "evaluate", "convert", "info", "help":
        shown = run(command, "--help")
        check_status(shown, 0)
        check(shown.stdout.startswith(f"usage: ranvier {command}"), shown.stdout)
        check(run("help", command).stdout == shown.stdout, f"help {command} differs from {command} --help")
        check(f"  {command} " in run("--help").stdout, f"--help does not list {command}")
    check(re.fullmatch(r"ranvier \d+\.\d+\.\d+\n", run("--version").stdout), run("--version").stdout)


@case
def the_manual_names_every_option_and_every_key(_):
    manual = run("help", "--man").stdout.replace("\\-", "-").replace("\\fR", "").replace("\\fB", "")
    for command in "train", "evaluate", "convert", "info", "help":
        for option in re.findall(r"--[a-z]+", run("help", command).stdout):
            check(option in manual, f"{option} of {command} is not in the manual")
    for key in re.findall(r"^  ([a-z_]+) ", run("help", "experiment").stdout, re.M):
        check(f"\n{key}" in manual, f"key {key} is not in the manual")


@case
def models_of_every_kind_are_listed(_):
    shown = run("info", "--models").stdout
    for line in ("neuron LeakyIntegrateFire", "synapse Exponential", "connectivity Conv2D: ", "readout AvgVar",
                 "loss SparseCategoricalCrossentropy", "metric SparseCategoricalAccuracy", "optimiser Adam",
                 "initializer Normal"):
        check(re.search(f"^{line}", shown, re.M), f"{line} is not listed: {shown}")
    for key, of in ("conv_padding", "Conv2D"), ("weight_decay", "AdamW"), ("sd", "Normal"):
        check(re.search(rf"^\w+ {of}\b.*\n(  .*\n)*  {key} ", shown, re.M), f"{key} of {of} is not listed: {shown}")


@case
def mistakes_on_the_command_line_exit_with_2(folder):
    path = write(folder, EXPERIMENT)
    for args, message in [
        ((), "usage: ranvier COMMAND"),
        (("trian", path), "unknown command 'trian', did you mean 'train'?"),
        (("train",), "train needs FILE"),
        (("train", path, path), "one argument too many"),
        (("train", "--epocs", "3", path), "unknown option '--epocs', did you mean '--epochs'?"),
        (("train", path, "--seed"), "--seed needs N"),
        (("train", path, "-x"), "unknown option '-x'"),
        (("train", path, "--quiet=yes"), "--quiet takes no value"),
        (("train", path, "--set", "training"), "--set needs KEY=VALUE"),
        (("train", path, "--out="), "--out needs DIR"),
        (("help", "experimant"), "did you mean 'experiment'?"),
    ]:
        result = run(*args)
        check_status(result, 2)
        check(message in result.stderr, f"{args}: expected '{message}':", result.stderr)
        check(result.stdout == "", result.stdout)


@case
def options_may_be_joined_split_and_ended(folder):
    path = write(folder, EXPERIMENT)
    shown = run("info", path, "--seed=7", "--set", "compiler.batch_size=8").stdout
    wider = run("info", DIGITS, "--set", "network.layers.hidden.shape=350").stdout
    check("350 neurons" in wider, "a layer is not found by its name:", wider)
    check(shown == run("info", "-s", "7", "--set=compiler.batch_size=8", "--", path).stdout, shown)
    check("batches of 8" in shown, shown)
    check_status(run("info", "-vs7", path), 0)


@case
def a_full_disk_under_standard_output_is_a_failure(_):
    with open("/dev/full", "w") as full:
        result = subprocess.run([RANVIER, "--help"], stdout=full, stderr=subprocess.PIPE, text=True)
    check_status(result, 1)
    check("standard output" in result.stderr, result.stderr)


# ---- mistakes in the file ----


@case
def an_unknown_key_is_told_with_its_line_and_a_guess(folder):
    fails_at(folder, "tau_mem: 20", "tau_men: 20",
             "unknown key 'tau_men' in network.populations.hidden.neuron, did you mean 'tau_mem'? (known: type,")
    fails_at(folder, "training:", "trainign:", "did you mean 'training'?")
    fails_at(folder, "limit: 300", "limits: 300", "did you mean 'limit'?")
    fails_at(folder, "alpha: 0.01", "beta3: 0.01", "unknown key 'beta3' in compiler.optimiser")
    fails_at(folder, "sd: 0.2}", "sigma: 0.2}", "unknown key 'sigma'")


@case
def a_value_of_the_wrong_kind_is_told_with_its_line(folder):
    fails_at(folder, "num_epochs: 2", "num_epochs: two", "training.num_epochs must be a whole number >= 1, got 'two'")
    fails_at(folder, "num_epochs: 2", "num_epochs: 0", "whole number >= 1, got '0'")
    fails_at(folder, "num_epochs: 2", "num_epochs: '2'", "whole number")
    fails_at(folder, "num_epochs: 2", "num_epochs: 1e3", "whole number")
    fails_at(folder, "num_epochs: 2", "num_epochs: [2]", "got a list")
    fails_at(folder, "num_epochs: 2", "num_epochs: 99999999999999999999", "whole number")
    fails_at(folder, "  num_epochs: 2", "  shuffle: maybe", "training.shuffle must be true or false, got 'maybe'")
    fails_at(folder, "seed: 3", "seed: -3", "seed must be a whole number from 0 to 2^64 - 1")
    fails_at(folder, "max_time: 16", "max_time: soon", "data.encoder.max_time must be a number, got 'soon'")
    fails_at(folder, "max_time: 16", "max_time: .inf", "must be a number")
    fails_at(folder, "max_time: 16", "max_time: nan", "must be a finite number")
    fails_at(folder, "shape: 32", "shape: [4, -8]", "must be a whole number >= 1, got '-8'")
    fails_at(folder, "neuron: spike_input", "neuron: [spike_input]", "must be a name or a table with a type")
    fails_at(folder, "training:\n  num_epochs: 2", "training: [1]", "training must be a table, got a list")


@case
def a_model_or_its_parameter_at_fault_is_told_with_its_line(folder):
    fails_at(folder, "tau_mem: 20", "tau_mem: -5", "population 'hidden': tau_mem must be > 0 ms, got -5")
    fails_at(folder, "tau_mem: 20", "tau_mem: nan", "must be a finite number, got 'nan'")
    fails_at(folder, "tau: 5}", "tau: 0}", "tau must be > 0 ms, got 0")
    fails_at(folder, "sd: 0.2}", "sd: -0.2}", "sd must be >= 0")
    fails_at(folder, "type: leaky_integrate_fire", "type: leaky_integrate_fier", "LeakyIntegrateFire")
    fails_at(folder, "type: exponential", "type: exponentail", "Exponential")
    fails_at(folder, "type: csv", "type: cvs", "unknown type 'cvs' in data.train, did you mean 'csv'?")
    fails_at(folder, "readout: AvgVar", "readout: AvgVra", "did you mean 'AvgVar'?")
    fails_at(folder, "target: hidden", "target: hiden", "unknown population 'hiden', did you mean 'hidden'?")
    fails_at(folder, "alpha: 0.01", "alpha: -1", "alpha must be")
    fails_at(folder, "batch_size: 32", "dt: 0", "compiler.dt must be a number > 0, got '0'")
    fails_at(folder, "type: eventprop\n  batch_size: 32\n  optimiser: {type: adam, alpha: 0.01}", "type: inference",
             "this compiler does not learn", args=("train",))


@case
def data_that_do_not_fit_are_told_before_anything_is_written(folder):
    out = os.path.join(folder, "run")
    train = ("train", "--out", out)
    fails_at(folder, "file: optdigits.tra", "file: optdigits.trb",
             f"cannot read '{ROOT}/data/optdigits/optdigits.trb': No such file", args=train)
    fails_at(folder, "shape: 64", "shape: 65", "an example has 64 inputs, but population 'input' has 65 neurons",
             marker="limit: 300", args=train)
    fails_at(folder, "shape: 10", "shape: 9", "labels go up to 9, but population 'output' has 9 neurons",
             marker="limit: 300", args=train)
    fails_at(folder, "  encoder: {type: linear_latency, min_time: 1, max_time: 16, threshold: 0, max_value: 16}\n", "",
             "data.encoder must say how they become spikes", marker="limit: 300", args=train)
    fails_at(folder, "limit: 300", "label_column: 65", "column 65", args=train)
    fails_at(folder, "training:", "callbacks: [{type: spike_recorder, population: hidden, neurons: 32}]\ntraining:",
             "32", args=train)
    check(not os.path.exists(out), "the run folder was made")


VALUES = """\
seed: 3
data:
  root: {root}
  encoder: {{type: values, scale: 0.0625}}
  test: {{type: csv, file: optdigits.tes, limit: 100}}
network:
  layers:
    - {{name: input, shape: 64, neuron: {{type: FewSpikeReluInput, alpha: 1, k: 6}}}}
    - name: hidden
      shape: 30
      neuron: {{type: few_spike_relu, alpha: 2, k: 6}}
      connectivity: {{type: dense, weight: {{normal: {{mean: 0, sd: 0.2}}}}}}
    - name: output
      shape: 10
      neuron: {{type: FewSpikeRelu, k: 6, readout: Var}}
      connectivity: {{type: dense, weight: {{normal: {{mean: 0, sd: 0.2}}}}}}
compiler: {{type: few_spike, k: 6, batch_size: 9}}
""".format(root=os.path.join(ROOT, "data", "optdigits"))


@case
def values_feed_networks_that_take_them(folder):
    result = run("evaluate", write(folder, VALUES))
    check_status(result, 0)
    check(re.search(r"^test accuracy: 0\.\d+$", result.stdout, re.M), result.stdout)
    inference = VALUES.replace("FewSpikeReluInput, alpha: 1, k: 6", "PoissonInput").replace(
        "few_spike_relu, alpha: 2, k: 6", "integrate_fire, v_thresh: 2").replace(
        "FewSpikeRelu, k: 6, readout: Var", "LeakyIntegrate, readout: AvgVar").replace(
        "few_spike, k: 6, batch_size: 9", "inference, example_timesteps: 20")
    shown = [run("evaluate", "--threads", threads, write(folder, inference)).stdout for threads in "12"]
    check("test accuracy: 0." in shown[0] and shown[0] == shown[1], *shown)
    info = run("info", write(folder, inference))
    check_status(info, 0)
    check("100 examples, 64 values each, 10 classes" in info.stdout, info.stdout)


@case
def values_that_do_not_fit_are_told_with_their_line(folder):
    def fails(old, new, message, line):
        check(old in VALUES, f"no '{old}' in the experiment")
        path = write(folder, VALUES.replace(old, new, 1))
        result = run("evaluate", path)
        check_status(result, 1)
        check(result.stderr.startswith(f"ranvier: {path}:{line}: ") and message in result.stderr,
              f"expected line {line} and '{message}':", result.stderr)
    fails("{type: values, scale: 0.0625}", "{type: linear_latency, max_time: 10}",
          "the data are spikes, but population 'input' (FewSpikeReluInput) takes values", 5)
    fails("FewSpikeReluInput, alpha: 1, k: 6", "SpikeInput",
          "the data are values, but population 'input' (SpikeInput) takes spikes", 5)
    fails("shape: 64", "shape: 63", "an example has 64 inputs, but population 'input' has 63 neurons", 5)
    fails("k: 6, batch_size: 9", "k: 8", "k must be 8, as the compiler's, got 6", 17)
    fails("k: 6, batch_size: 9", "k: 6, example_timesteps: 12", "must be auto with few_spike", 17)
    fails("few_spike, k: 6, batch_size: 9", "inference", "the data are values, which have no latest spike", 17)


@case
def damaged_data_files_are_told_with_the_line_that_names_them(folder):
    shutil.copytree(os.path.join(ROOT, "data", "optdigits"), os.path.join(folder, "data"))
    good = read(ROOT, "data", "optdigits", "optdigits.tra")
    for name, content, message in [
        ("empty.csv", b"", "empty.csv"),
        ("cut.csv", good[: len(good) // 2 - 20], "cut.csv"),
        ("label.csv", good.replace(b",0\n", b",-1\n", 1), "label.csv"),
        ("fraction.csv", good.replace(b",0\n", b",0.5\n", 1), "fraction.csv"),
        ("text.csv", b"what,is,this\n", "text.csv"),
        ("nan.csv", b"nan" + good[1:], "nan.csv"),
    ]:
        write(os.path.join(folder, "data"), content, name)
        text = EXPERIMENT.replace(os.path.join(ROOT, "data", "optdigits"), "data", 1)
        path = write(folder, text.replace("file: optdigits.tra, limit: 300", f"file: {name}", 1))
        result = run("train", path, "--out", os.path.join(folder, "run"))
        check_status(result, 1)
        check(result.stderr.startswith(f"ranvier: {path}:5: ") and message in result.stderr, name, result.stderr)
        check(not os.path.exists(os.path.join(folder, "run")), f"{name}: the run folder was made")


@case
def a_gzip_file_that_ends_too_early_is_told(folder):
    import gzip
    images = b"\0\0\x08\x03" + (2).to_bytes(4, "big") + (2).to_bytes(4, "big") * 2 + bytes(8)
    labels = b"\0\0\x08\x01" + (2).to_bytes(4, "big") + bytes([0, 1])
    write(folder, gzip.compress(images)[:-12], "images.gz")
    write(folder, labels, "labels")
    text = re.sub(r"  train: .*", "  train: {type: idx, images: images.gz, labels: labels}", EXPERIMENT)
    path = write(folder, text.replace(os.path.join(ROOT, "data", "optdigits"), ".").replace("shape: 64", "shape: 4"))
    result = run("info", path, "--set", "data.test=null")
    check_status(result, 1)
    check(f"{path}:5: " in result.stderr and "images.gz" in result.stderr, result.stderr)


@case
def hostile_yaml_is_refused_with_its_line(folder):
    for text, line, message in [
        ("", None, "the file is empty"),
        ("- 1\n", 1, "expected a table of sections"),
        ("a: [1\nb: 2\n", 2, "not valid YAML"),
        ("seed: 1\nseed: 2\n", 2, "'seed' is given twice, first in line 1"),
        ("seed: &x 1\nthreads: *x\n", 1, "anchors and aliases are not supported"),
        ("seed: 1\nthreads: *x\n", 2, "anchors and aliases are not supported"),
        ("seed: 1\ndata: !!map {}\n", 2, "tags are not supported"),
        ("seed: 1\n---\nseed: 2\n", 2, "one document"),
        ("seed: 1\n? [a]\n: 2\n", 2, "a key must be a word"),
        ("seed: 1\n'': 2\n", 2, "a key must not be empty"),
        ("a: " + "[\n" * 1000, 32, "nested too deeply"),
        ("a: \"x\\0y\"\n", 1, "zero byte"),
        ("".join(f"k{i}: 1\n" for i in range(2000)), 1025, "more than 1024 keys"),
        ("seed: \x01\n", 1, "not valid YAML"),
        (b"\xff\xfe\xff\xff\xff", 1, "not valid YAML"),
        ("# long\n" * 200000, None, "larger than"),
        ("\"\\e[31m\": 1\n", 1, "unknown key '?[31m'"),
    ]:
        path = write(folder, text)
        result = run("info", path)
        check_status(result, 1)
        place = f"ranvier: {path}:{line}: " if line else f"ranvier: {path}: "
        shown = repr(text[:60])
        check(result.stderr.startswith(place), shown, f"expected '{place}'", result.stderr)
        check(message in result.stderr, shown, f"expected '{message}'", result.stderr)
        check(all(c.isprintable() for c in result.stderr.rstrip("\n")), shown, repr(result.stderr))


@case
def no_change_of_some_bytes_of_an_experiment_crashes(folder):
    import random
    rng = random.Random(5)
    for _ in range(150):
        text = bytearray(EXPERIMENT.encode())
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text))
            what = rng.random()
            if what < 0.4:
                text[at] = rng.choice(b"[]{}:-,'\"\n #&*!|>0 9x\0\xff")
            elif what < 0.7:
                del text[at: at + rng.randint(1, 30)]
            else:
                text[at:at] = text[at: at + rng.randint(1, 30)]
        path = write(folder, bytes(text))
        result = subprocess.run([RANVIER, "info", path], capture_output=True, timeout=60)
        check(result.returncode in (0, 1), f"exit status {result.returncode}", bytes(text), result.stderr)
        check(result.returncode == 0 or result.stderr.startswith(b"ranvier: "), bytes(text), result.stderr)


@case
def a_bad_setting_names_the_option(folder):
    path = write(folder, EXPERIMENT)
    for setting, message in [
        ("training.epochs=3", "unknown key 'epochs' in training"),
        ("network.connections.7.target=x", "network.connections is a list of 2, and '7' is no position or name in it"),
        ("a..b=1", "'a..b' is not a path of keys"),
        ("seed={", "not valid YAML"),
        ("network.populations.hidden.neuron.tau_mem=-1", "tau_mem must be > 0 ms, got -1"),
    ]:
        result = run("info", path, "--set", setting)
        check_status(result, 1)
        check(result.stderr.startswith(f"ranvier: --set {setting}: "), result.stderr)
        check(message in result.stderr, f"expected '{message}'", result.stderr)
    check_status(run("info", path, "--set", "training.num_epochs="), 0)  # nothing is the default
    check(run("info", path, "--threads", "x").stderr.startswith("ranvier: --threads x: threads must be"), "--threads")


# ---- runs ----


@case
def training_writes_what_it_promises_and_prints_results_only(folder):
    path, out = write(folder, EXPERIMENT), os.path.join(folder, "run")
    result = run("train", path, "--quiet", "--out", out)
    check_status(result, 0)
    check(result.stderr == "", result.stderr)
    check(re.fullmatch(r"run folder: .*\ntrain loss: \d\.\d{4}\ntrain accuracy: 0\.\d{4}\n"
                       r"test loss: \d\.\d{4}\ntest accuracy: 0\.\d{4}\n", result.stdout), result.stdout)
    check(sorted(os.listdir(out)) == ["checkpoint", "experiment.yaml", "history.csv", "plan.txt"], os.listdir(out))
    rows = list(csv.DictReader(read(out, "history.csv").decode().splitlines()))
    check([row["epoch"] for row in rows] == ["0", "1"] and list(rows[0]) == ["epoch", "loss", "accuracy"], rows)
    check(f"train accuracy: {float(rows[1]['accuracy']):.4f}" in result.stdout, rows, result.stdout)
    check(sorted(checkpoint_bytes(out)) == [f"{epoch}-Conn_{pair}-g.npy" for epoch in (0, 1)
                                            for pair in ("hidden_output", "input_hidden")], os.listdir(out))


@case
def shapes_follow_from_the_connectivity(folder):
    """As in C: only inputs and what is connected densely need a shape."""
    layers = """\
network:
  layers:
    - {name: input, shape: [8, 8, 1], neuron: spike_input}
    - name: conv
      neuron: leaky_integrate_fire
      connectivity: {type: conv2d, filters: 3, conv_size: 3, conv_padding: same, conv_strides: [2, 1], weight: 0.5}
      synapse: {type: exponential, tau: 5}
    - name: pool
      neuron: {type: leaky_integrate_fire, v_thresh: 0.2}
      connectivity: {type: avg_pool2d, pool_size: [2, 4], flatten: true}
      synapse: {type: exponential, tau: 5}
    - name: output
      shape: 10
      neuron: {type: leaky_integrate, readout: avg_var}
      connectivity: {type: dense, weight: 0.1}
      synapse: {type: exponential, tau: 5}
compiler:"""
    text = re.sub(r"network:.*?\ncompiler:", layers, EXPERIMENT, flags=re.S)
    shown = run("info", write(folder, text)).stdout
    for line in "conv .* 4 x 8 x 3 neurons", "pool .* 12 neurons", "Conn_input_conv .* 27 weights":
        check(re.search(line, shown), line, shown)
    check_status(run("train", write(folder, text), "-q", "-o", os.path.join(folder, "run")), 0)
    for old, new, message in (
            ("shape: [8, 8, 1], ", "", "network.layers.input needs the key 'shape'"),
            ("      shape: 10\n", "", "target 'output' has no shape, and Dense implies none"),
            ("conv_size: 3", "conv_size: 9, conv_padding: valid", "given twice"),
            ("conv_padding: same, ", "conv_padding: full, ", "full"),
            ("pool_size: [2, 4]", "pool_size: [5, 4]", "pool")):
        wrong = run("info", write(folder, text.replace(old, new)))
        check_status(wrong, 1)
        check(message in wrong.stderr, message, wrong.stderr)


@case
def regression_targets_come_from_numpy_arrays(folder):
    """Two outputs learn what they are to be of 30 examples, at the end or in every step."""
    import numpy as np
    rng = np.random.default_rng(1)
    x = rng.random((30, 4)).astype(np.float32)
    np.save(os.path.join(folder, "x.npy"), x)
    np.save(os.path.join(folder, "y.npy"), x[:, :2] * 0.5)
    np.save(os.path.join(folder, "y_t.npy"), np.repeat(x[:, None, :2] * 0.2, 40, axis=1))
    text = """\
seed: 1
data:
  encoder: {type: time, min_time: 1, max_time: 20}
  train: {type: npy, values: x.npy, targets: y.npy}
network:
  layers:
    - {name: input, shape: 4, neuron: spike_input}
    - name: hidden
      shape: 30
      neuron: leaky_integrate_fire
      connectivity: {type: dense, weight: {normal: {mean: 3, sd: 3}}}
      synapse: {type: exponential, tau: 5}
    - name: output
      shape: 2
      neuron: {type: leaky_integrate, readout: var}
      connectivity: {type: dense, weight: {normal: {mean: 0, sd: 0.3}}}
      synapse: {type: exponential, tau: 5}
outputs: {output: {loss: mean_square_error, metrics: [mean_square_error]}}
compiler: {type: eventprop, example_timesteps: 40, batch_size: 5, optimiser: {type: adam, alpha: 0.01}}
training: {num_epochs: 15}
"""
    for targets in "y.npy", "y_t.npy":
        out = os.path.join(folder, targets + "-run")
        result = run("train", write(folder, text.replace("y.npy", targets)), "-q", "-o", out)
        check_status(result, 0)
        losses = [float(row["loss"]) for row in csv.DictReader(open(os.path.join(out, "history.csv")))]
        check(losses[-1] < 0.5 * losses[0], targets, losses)
    wrong = run("train", write(folder, text.replace("targets: y.npy", "targets: x.npy")), "-q")
    check_status(wrong, 1)
    check("there are targets for 4 neurons, but population 'output' has 2" in wrong.stderr, wrong.stderr)


@case
def learnt_delays_belong_to_a_run(folder):
    """Nothing but delays learns: without them, evaluating the run would find every answer wrong."""
    out = os.path.join(folder, "run")
    before = run("train", TWO_NEURONS, "-q", "-o", os.path.join(folder, "before"), "--epochs", "1",
                 "--set", "compiler.delay_optimiser.alpha=0")
    check("test accuracy: 0.0000" in before.stdout, before.stdout, before.stderr)
    trained = run("train", TWO_NEURONS, "-q", "-o", out)
    check("test accuracy: 1.0000" in trained.stdout, trained.stdout, trained.stderr)
    check("5-Conn_input_output-d.npy" in os.listdir(os.path.join(out, "checkpoint")), os.listdir(out))
    check("test accuracy: 1.0000" in run("evaluate", out).stdout, run("evaluate", out).stdout)
    as_inference = run("evaluate", out, "--set", "compiler={type: inference, example_timesteps: 200, dt: 0.2}")
    check("accuracy: 1.0000" in as_inference.stdout, as_inference.stdout, as_inference.stderr)


@case
def evaluating_a_run_gives_the_figures_that_training_ended_with(folder):
    path, out = write(folder, EXPERIMENT), os.path.join(folder, "run")
    trained = run("train", path, "-q", "-o", out).stdout.splitlines()[-2:]
    for args in [(out,), (os.path.join(out, "experiment.yaml"), "--load", os.path.join(out, "checkpoint")),
                 (path, "--load", os.path.join(out, "checkpoint"), "--epoch", "1"), (out, "--threads", "1")]:
        result = run("evaluate", *args)
        check_status(result, 0)
        check(result.stdout.splitlines() == trained, args, result.stdout, trained)
    check(run("evaluate", out, "--epoch", "0").stdout.splitlines() != trained, "epoch 0 is epoch 1")
    write(os.path.join(out, "checkpoint"), "0\n", "latest")
    check("weights of epoch 0 " in run("evaluate", out).stderr, "the mark `latest` says which is the last")
    missing = run("evaluate", out, "--epoch", "7")
    check_status(missing, 1)
    check("'7'" in missing.stderr, missing.stderr)
    damaged = glob.glob(os.path.join(out, "checkpoint", "0-*.npy"))[0]
    write(out, read(damaged)[:-1], damaged)
    check_status(run("evaluate", out, "--epoch", "0"), 1)
    foreign = os.path.join(folder, "foreign")
    shutil.copytree(os.path.join(out, "checkpoint"), foreign, ignore=shutil.ignore_patterns("*.json"))
    check(run("evaluate", path, "--load", foreign, "--epoch", "1").stdout.splitlines() == trained, "mlGeNN's files")
    check_status(run("evaluate", path, "--load", foreign), 1)
    other = run("evaluate", out, "--set", "network.populations.hidden.shape=33")
    check_status(other, 1)
    shutil.rmtree(os.path.join(out, "checkpoint"))
    check_status(run("evaluate", out), 1)


@case
def the_resolved_experiment_gives_the_same_bits_from_anywhere(folder):
    out = [os.path.join(folder, name) for name in "abc"]
    os.mkdir(os.path.join(folder, "elsewhere"))
    changed = ("--set", "compiler.optimiser.alpha=0.02", "--set", "network.populations.hidden.shape=[8, 5]",
               "--seed", "9", "--epochs", "1")
    check_status(run("train", write(folder, EXPERIMENT), "-q", "-o", out[0], *changed), 0)
    check_status(run("train", os.path.join(out[0], "experiment.yaml"), "-q", "-o", out[1], "--threads", "1",
                     cwd=os.path.join(folder, "elsewhere"), env={"RV_SEED": "5"}), 0)
    check(checkpoint_bytes(out[0]) == checkpoint_bytes(out[1]), "weights differ")
    check(read(out[0], "history.csv") == read(out[1], "history.csv"), "histories differ")
    check_status(run("train", write(folder, EXPERIMENT), "-q", "-o", out[2], *changed, "--seed", "10"), 0)
    check(checkpoint_bytes(out[0]) != checkpoint_bytes(out[2]), "another seed gives the same bits")
    resolved = read(out[0], "experiment.yaml").decode()
    for line in ("seed: 9", "alpha: 0.02", "beta1: 0.9", "v_thresh: 1", "num_epochs: 1", "shape: [8, 5]",
                 "shuffle: true"):
        check(line in resolved, f"'{line}' is not in the resolved experiment", resolved)
    check(re.search(r"example_timesteps: \d+", resolved), resolved)


@case
def a_run_folder_that_holds_something_is_never_written_into(folder):
    write(folder, EXPERIMENT)
    names = [run("train", "test.yaml", "-q", "-e", "1", cwd=folder).stdout.splitlines()[0] for _ in range(2)]
    check(names == ["run folder: runs/test", "run folder: runs/test-2"], names)
    again = run("train", "test.yaml", "-q", "-o", "runs/test", cwd=folder)
    check_status(again, 1)
    check("runs/test: exists and is not an empty folder" in again.stderr, again.stderr)


@case
def what_recorders_record_is_written_as_numpy_arrays(folder):
    import numpy as np
    callbacks = "callbacks: [{type: SpikeRecorder, population: hidden, key: h, examples: '0:50:10'}, " \
                "{type: var_recorder, population: output, var: v, neurons: [1, -1], examples: [3]}]\ntraining:"
    out = os.path.join(folder, "run")
    path = write(folder, EXPERIMENT.replace("training:", callbacks))
    check_status(run("train", path, "-q", "-o", out), 0)
    arrays = {os.path.basename(name)[:-4]: np.load(name) for name in glob.glob(os.path.join(out, "recorded", "*.npy"))}
    check(sorted(arrays) == ["1-epochs", "1-examples", "1-values", "h-epochs", "h-examples", "h-ids", "h-offsets",
                             "h-times"], sorted(arrays))
    check(list(arrays["h-examples"]) == [0, 10, 20, 30, 40] * 2, arrays["h-examples"])
    check(list(arrays["h-epochs"]) == [0] * 5 + [1] * 5, arrays["h-epochs"])
    check(arrays["h-offsets"][-1] == len(arrays["h-times"]) == len(arrays["h-ids"]) > 0, arrays["h-offsets"])
    check(arrays["1-values"].shape[0] == 2 and arrays["1-values"].shape[2] == 2, arrays["1-values"].shape)
    check(any(name.startswith("1-Conn") for name in checkpoint_bytes(out)), "no weights are kept without a Checkpoint")
    need = run("evaluate", path, "--set", "validation_callbacks=[{type: SpikeRecorder, population: hidden}]")
    check_status(need, 1)
    check("--out" in need.stderr, need.stderr)


@case
def validation_is_reported_and_in_the_history(folder):
    out = os.path.join(folder, "run")
    result = run("train", write(folder, EXPERIMENT), "-q", "-o", out, "--set", "training.validation_split=0.2",
                 "--set", "training.validation_split_shuffled=true")
    check_status(result, 0)
    check("validation accuracy: 0." in result.stdout, result.stdout)
    check(read(out, "history.csv").startswith(b"epoch,loss,accuracy,val_loss,val_accuracy\n0,"),
          read(out, "history.csv"))
    monitored = run("train", write(folder, EXPERIMENT), "-q", "-o", out + "-monitored", "--set",
                    "callbacks=[{type: FiringRate, population: hidden}]", "--set", "training.validation_split=0.2")
    check(monitored.stdout.count("loss: ") == 3 and "\ntrain hidden.rate: " in monitored.stdout and
          "\ntrain loss: " in monitored.stdout, monitored.stdout)
    bad = run("info", write(folder, EXPERIMENT), "--set", "training.validation_split=1.5")
    check_status(bad, 1)
    check("--set training.validation_split=1.5: " in bad.stderr and "validation_split" in bad.stderr, bad.stderr)


@case
def more_spikes_than_max_spikes_is_a_failure(folder):
    result = run("train", write(folder, EXPERIMENT), "-q", "-o", os.path.join(folder, "run"), "--set",
                 "compiler.max_spikes=1")
    check_status(result, 1)
    check("max_spikes" in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr)


@case
def an_interrupted_run_keeps_weights_and_history_and_exits_with_130(folder):
    path, out = write(folder, EXPERIMENT), os.path.join(folder, "run")
    for number, status in [(signal.SIGINT, 130), (signal.SIGTERM, 143)]:
        shutil.rmtree(out, ignore_errors=True)
        process = subprocess.Popen([RANVIER, "train", path, "-o", out, "--epochs", "1000000"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not os.path.exists(os.path.join(out, "history.csv")) and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(number)
        stdout, stderr = process.communicate(timeout=60)
        check(process.returncode == status, f"exit status {process.returncode}, expected {status}", stderr)
        check("stopped by a signal" in stderr and stdout == "", stdout, stderr)
        rows = list(csv.DictReader(read(out, "history.csv").decode().splitlines()))
        last = max(int(name.split("-")[0].split(".")[0]) for name in checkpoint_bytes(out))
        check(rows and last == int(rows[-1]["epoch"]), f"checkpoint of epoch {last}, history to", rows[-1:])
        check_status(run("evaluate", out), 0)


@case
def a_disk_that_is_full_is_one_clear_line(folder):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
    out = os.path.join(folder, "run")
    result = run("train", write(folder, EXPERIMENT), "-q", "-o", out, preexec_fn=limit_files)
    check_status(result, 1)
    check(len(result.stderr.splitlines()) == 1 and "checkpoint" in result.stderr and "too large" in result.stderr,
          result.stderr)
    check(checkpoint_bytes(out) == {} or all(len(b) <= 4000 for b in checkpoint_bytes(out).values()), "half a file")


@case
def a_folder_that_cannot_be_made_is_told(folder):
    write(folder, "x", "taken")
    result = run("train", write(folder, EXPERIMENT), "-q", "-o", os.path.join(folder, "taken", "run"))
    check_status(result, 1)
    check("taken" in result.stderr, result.stderr)


# ---- examples ----


@case
def every_example_is_good_or_says_how_to_get_its_data(_):
    for path in sorted(glob.glob(os.path.join(ROOT, "examples", "*.yaml"))):
        result = run("info", path, "--set", "data.root=/nonexistent")
        if "cannot read" in result.stderr:
            check("--set data.root=FOLDER" in result.stderr and result.returncode == 1, path, result.stderr)
        elif "cannot open" in result.stderr:  # weights, which data.root does not move: the line that names them
            check(f"{path}:" in result.stderr and ".npy" in result.stderr and result.returncode == 1, path,
                  result.stderr)
        else:
            check_status(result, 0)  # a generator needs no files


@case
def the_shd_example_trains_on_files_of_that_format(folder):
    import h5py
    import numpy as np
    rng = np.random.default_rng(1)
    for name, num in ("shd_train.h5", 20), ("shd_test.h5", 5):
        with h5py.File(os.path.join(folder, name), "w") as file:
            times = file.create_dataset("spikes/times", (num,), h5py.vlen_dtype(np.float32))
            units = file.create_dataset("spikes/units", (num,), h5py.vlen_dtype(np.uint16))
            for i in range(num):
                times[i] = np.sort(rng.uniform(0, 0.2, 500)).astype(np.float32)
                units[i] = rng.integers(0, 700, 500).astype(np.uint16)
            file["labels"] = np.arange(num, dtype=np.uint16) % 20
    result = run("train", os.path.join(ROOT, "examples", "shd.yaml"), "-q", "-o", os.path.join(folder, "run"), "-e",
                 "1", "--set", "data.root=.", cwd=folder)
    if "this build has no HDF5" in result.stderr:
        return "built without HDF5"
    check_status(result, 0)
    check("validation accuracy" in result.stdout and "test accuracy" in result.stdout, result.stdout)
    check(re.search(r"example_timesteps: 20[01]", read(folder, "run", "experiment.yaml").decode()), "timesteps")


EPROP = EXPERIMENT.replace("synapse: {type: exponential, tau: 5}", "synapse: delta").replace(
    "type: eventprop", "type: eprop").replace("mean: 0.3, sd: 0.2", "mean: 0.03, sd: 0.03")


@case
def eprop_trains_and_evaluates_to_the_same_figures(folder):
    """Its biases are saved, and evaluating looks at the softmax as training did."""
    out = os.path.join(folder, "run")
    result = run("train", write(folder, EPROP), "-q", "-o", out)
    check_status(result, 0)
    trained = re.findall(r"test (loss|accuracy): (.*)", result.stdout)
    check(len(trained) == 2 and float(trained[1][1]) > 0.6, result.stdout)
    check("output-Bias.npy" in " ".join(checkpoint_bytes(out)), checkpoint_bytes(out).keys())
    evaluated = run("evaluate", out).stdout
    for name, value in trained:
        check(f"{name}: {value}" in evaluated, f"expected {name} {value}:", evaluated)


@case
def mistakes_in_options_of_eprop_are_told_with_their_line(folder):
    for old, new, message in (
            ("type: eprop", "type: eprop\n  c_reg: -1", "e-prop: c_reg must be >= 0, got -1"),
            ("type: eprop", "type: eprop\n  tau_reg: 0", "compiler.tau_reg must be a number > 0, got '0'"),
            ("type: eprop", "type: eprop\n  feedback: adaptive", "symmetric"),
            ("synapse: delta", "synapse: {type: exponential, tau: 5}", "e-prop needs Delta synapses, got Exponential")):
        check(old in EPROP, old)
        result = run("info", write(folder, EPROP.replace(old, new, 1)))
        check_status(result, 1)
        check(message in result.stderr and len(result.stderr.splitlines()) == 1, result.stderr)


def example(name):
    with open(os.path.join(ROOT, "examples", name), encoding="utf-8") as file:
        return file.read()


@case
def the_pattern_is_generated_by_both_rules(folder):
    """Targets for every step come with the data, and say how many steps there are."""
    for name in ("pattern_generation.yaml", "pattern_generation_eventprop.yaml"):
        text = example(name).replace("hidden:\n      shape: 256", "hidden:\n      shape: 64")
        out = os.path.join(folder, name)
        result = run("train", write(folder, text), "-o", out, "--epochs", "150")
        check_status(result, 0)
        check("3 targets in 1000 steps" in result.stderr, result.stderr)
        error = float(re.search(r"test mean_square_error: (.*)", result.stdout).group(1))
        check(error < 0.25, f"{name}: mean square error {error}, 0.5 without learning, expected less than 0.25")
        check(b"example_timesteps: 1000" in read(out, "experiment.yaml"), read(out, "experiment.yaml"))


@case
def adaptive_neurons_recall_and_plain_ones_do_not(folder):
    text = example("store_recall.yaml").replace("num_examples: 1000", "num_examples: 200")
    accuracy = {}
    for beta in ("0.2", "0"):
        result = run("train", write(folder, text), "-q", "-o", os.path.join(folder, beta), "--set",
                     f"network.populations.hidden.neuron.beta={beta}", "--set", "compiler.optimiser.alpha=0.01")
        check_status(result, 0)
        accuracy[beta] = float(re.search(r"test accuracy: (.*)", result.stdout).group(1))
    check(accuracy["0.2"] > 0.9 and accuracy["0"] < 0.65, accuracy)


@case
def targets_that_do_not_fit_are_told_with_their_line(folder):
    text = example("pattern_generation.yaml")
    for old, new, message in (
            ("train: {type: pattern_generation}", "train: {type: pattern_generation, num_outputs: 2}",
             "data.train: there are targets for 2 neurons, but population 'output' has 3"),
            ("loss: mean_square_error, ", "", "labels are required by"),
            ("dt: 1 # ms", "dt: 1\n  example_timesteps: 900", "has 3000 targets, expected 1 (examples) x 3 (neurons)")):
        check(old in text, old)
        result = run("train", write(folder, text.replace(old, new, 1)), "-q", "-o", os.path.join(folder, "run"))
        check_status(result, 1)
        check(message in result.stderr and len(result.stderr.splitlines()) == 1, message, result.stderr)


@case
def rewirings_are_recorded_and_go_on_after_resume(folder):
    """In the history by epoch, in recorded/ by step."""
    import numpy as np
    text = EXPERIMENT.replace("{type: dense, weight: {normal: {mean: 0.3, sd: 0.2}}}",
                              "{type: fixed_probability, p: 0.2, weight: {normal: {mean: 1.5, sd: 1}}}")
    text = text.replace("type: eventprop", "type: eventprop\n  deep_r_conns: [Conn_input_hidden]\n"
                        "  deep_r_l1_strength: 0.000001\n  deep_r_record_rewirings: true")
    runs = {}
    for name, epochs in (("straight", "4"), ("resumed", "2")):
        out = os.path.join(folder, name)
        check_status(run("train", write(folder, text), "-q", "-o", out, "--epochs", epochs), 0)
        if name == "resumed":
            check_status(run("train", "--resume", out, "-q", "--epochs", "4"), 0)
        rewirings = np.load(os.path.join(out, "recorded", "Conn_input_hidden-rewirings.npy"))
        check(rewirings.shape == (40, 2) and rewirings[:, 0].sum() > 0, rewirings)
        with open(os.path.join(out, "history.csv"), newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        for column, label in enumerate(("rewirings", "failed_rewirings")):
            counted = [float(row["Conn_input_hidden." + label]) for row in rows]
            check(counted == [rewirings[10 * i:10 * i + 10, column].sum() for i in range(4)], label, counted)
        runs[name] = rewirings
    check((runs["straight"] == runs["resumed"]).all(), runs)


LEARNING = EXPERIMENT.replace("  optimiser: {type: adam, alpha: 0.01}\n", """\
  optimiser: {type: adamw, alpha: 0.01, clamp_max: 2}
  connection_optimisers: {Conn_hidden_output: {type: sgd, alpha: 0.5, momentum: 0.9}}
  bias_optimiser: {type: sgd, alpha: 0.1}
  train_output_bias: true
  clip_norm: 0.1
  accumulate: 2
  delay_learn_conns: [Conn_hidden_output]
  regularisations: {hidden: {reg_lambda_upper: 1.0e-9, reg_nu_upper: 4}}
  per_timestep_loss: true
""").replace("weight: {normal: {mean: 0.2, sd: 0.37}}}", "weight: {normal: {mean: 0.2, sd: 0.37}}, delay: 1}\n"
             "      max_delay_steps: 5") + """\
outputs:
  output: {metrics: [sparse_categorical_accuracy, {type: top_k_accuracy, k: 2}, confusion_matrix]}
"""


@case
def options_of_learning_are_read_from_files(folder):
    out = os.path.join(folder, "run")
    result = run("train", write(folder, LEARNING), "-q", "-o", out)
    check_status(result, 0)
    check("test top_2_accuracy: " in result.stdout and "test confusion_matrix: " in result.stdout, result.stdout)
    names = checkpoint_bytes(out)
    check(any(name.endswith("-output-Bias.npy") for name in names), names)
    described = run("info", out).stdout
    for text in ("optimiser: AdamW", "within [-inf, 2]", "delay_optimiser: Adam", "bias_optimiser: SGD",
                 "Conn_hidden_output: SGD"):
        check(text in described, f"expected '{text}':", described)


@case
def custom_updates_are_triggered_by_name(folder):
    def train(name, callbacks, *more):
        out = os.path.join(folder, name)
        result = run("train", write(folder, EXPERIMENT), "-q", "-o", out, "--set", f"callbacks=[{callbacks}]", *more)
        check_status(result, 0)
        return checkpoint_bytes(out)

    plain = train("plain", "")
    never = train("never", "{type: CustomUpdateOnTimestepEnd, name: Reset, filter: '1000:'}")
    check(plain == never, "a trigger that never comes changes weights")
    check(train("start", "{type: CustomUpdateOnBatchBegin, name: ZeroOutPost}") == plain,
          "examples have synaptic input at their start")
    for when in ("Begin", "End"):
        zeroed = train(when, f"{{type: CustomUpdateOnTimestep{when}, name: ZeroOutPost, filter: '1::2'}}")
        check(zeroed != plain, f"nothing became 0 at the {when} of timesteps")
    check(train("reset", "{type: CustomUpdateOnTimestepBegin, name: Reset, filter: [5, 10]}") != plain, "nothing was reset")
    learnt = train("twice", "{type: CustomUpdateOnEpochEnd, name: GradientLearn, filter: 0}", "--set",
                   "compiler.keep_gradients=true")
    check(learnt != plain, "no step was made")
    for callback, message in (
            ("{type: CustomUpdateOnEpochEnd, name: Rest}", "there is no group of custom updates 'Rest', expected one of: Reset"),
            ("{type: CustomUpdateOnEpochBegin, name: Reset}", "only within a batch"),
            ("{type: CustomUpdateOnBatchEnd, name: GradientLearn}", "kept only if keep_gradients is set"),
            ("{type: CustomUpdateOnBatchEnd, name: Reset, filter: '1:2:0'}", "must be a number, a list of numbers, or a slice"),
            ("{type: CustomUpdateOnBatchEnd, name: Reset, filter: '-3:'}", "must be a number, a list of numbers, or a slice"),
            ("{type: CustomUpdateOnBatchEnd, name: Reset, filter: '1:2:3:4'}", "must be a number, a list of numbers, or a"),
            ("{type: CustomUpdateOnBatchEnd, name: Reset, filter: [1, x]}", "must be a whole number"),
            ("{type: CustomUpdateOnBatchEnd}", "name")):
        result = run("train", write(folder, EXPERIMENT), "-o", os.path.join(folder, "bad"), "--set",
                     f"callbacks=[{callback}]")
        check_status(result, 1)
        check(message in result.stderr, f"expected '{message}':", result.stderr)


@case
def mistakes_in_options_of_learning_are_told_with_their_line(folder):
    for old, new, message in (
            ("{Conn_hidden_output: {type: sgd", "{Conn_hidden_out: {type: sgd",
             "compiler.connection_optimisers: the network has no connection 'Conn_hidden_out'"),
            ("{hidden: {reg_lambda_upper", "{hiden: {reg_lambda_upper",
             "compiler.regularisations: the network has no population 'hiden'"),
            ("reg_nu_upper: 4", "reg_nu: 4", "unknown key 'reg_nu' in compiler.regularisations.hidden"),
            ("clamp_max: 2", "clamp_max: 2, clamp_min: 3", "clamp_min must be <= clamp_max, got 3 and 2"),
            ("clip_norm: 0.1", "clip_norm: -1", "clip_value and clip_norm must be >= 0"),
            ("accumulate: 2", "accumulate: 0", "compiler.accumulate must be"),
            ("type: top_k_accuracy, k: 2", "type: top_k_accuracy, k: 0", "k must be a whole number >= 1, got 0")):
        check(old in LEARNING, old)
        text = LEARNING.replace(old, new, 1)
        path = write(folder, text)
        result = run("info", path)
        check_status(result, 1)
        check(message in result.stderr and len(result.stderr.splitlines()) == 1, message, result.stderr)


@case
def first_spikes_are_learnt_from_files(folder):
    text = EXPERIMENT
    for old, new in (("neuron: {type: LeakyIntegrate, readout: AvgVar}",
                      "neuron: {type: LeakyIntegrateFire, readout: FirstSpikeTime}"),
                     ("type: eventprop\n",
                      "type: eventprop\n  example_timesteps: 80\n  dt: 0.5\n  softmax_temperature: 0.5\n  ttfs_alpha: 0.1\n"),
                     ("mean: 0.3, sd: 0.2", "mean: 0.7, sd: 0.4"), ("mean: 0.2, sd: 0.37", "mean: 0.8, sd: 0.4")):
        check(old in text, old)
        text = text.replace(old, new)
    result = run("train", write(folder, text), "-q", "-o", os.path.join(folder, "run"), "--epochs", "15")
    check_status(result, 0)
    accuracy = float(re.search(r"test accuracy: (.*)", result.stdout).group(1))
    check(accuracy > 0.5, f"test accuracy {accuracy}, expected more than 0.5")


@case
def the_digits_example_learns(folder):
    out = os.path.join(folder, "run")
    result = run("train", DIGITS, "-q", "-o", out, "--epochs", "3")
    check_status(result, 0)
    accuracy = float(re.search(r"test accuracy: (.*)", result.stdout).group(1))
    check(accuracy > 0.85, f"test accuracy {accuracy} after 3 epochs, expected more than 0.85")
    check("memory: " in run("info", out).stdout, "info of a run")


def main():
    print(f"1..{len(cases)}")
    failed = 0
    for number, function in enumerate(cases, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                skipped = function(folder)
                print(f"ok {number} - {function.__name__}" + (f" # SKIP {skipped}" if skipped else ""))
            except (AssertionError, subprocess.TimeoutExpired) as error:
                failed += 1
                for line in str(error).splitlines():
                    print(f"  {line}")
                print(f"not ok {number} - {function.__name__}")
    return 1 if failed else 0


sys.exit(main())
