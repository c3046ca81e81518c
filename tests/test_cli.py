#!/usr/bin/env python3
"""The command line, and mistakes in experiment files: what is told, and where. Prints TAP."""
import os
import re
import shutil
import subprocess
import sys

from cli import case, check, check_status, DIGITS, EXPERIMENT, fails_at, main, RANVIER, read, ROOT, run, write


@case
def help_is_found_in_every_way_and_goes_to_standard_output(_):
    for command in "train", "evaluate", "data", "convert", "info", "help":
        shown = run(command, "--help")
        check_status(shown, 0)
        check(shown.stdout.startswith(f"usage: ranvier {command}"), shown.stdout)
        check(run("help", command).stdout == shown.stdout, f"help {command} differs from {command} --help")
        check(f"  {command} " in run("--help").stdout, f"--help does not list {command}")
    check(re.fullmatch(r"ranvier \d+\.\d+\.\d+\n", run("--version").stdout), run("--version").stdout)


@case
def the_manual_names_every_option_and_every_key(_):
    manual = run("help", "--man").stdout.replace("\\-", "-").replace("\\fR", "").replace("\\fB", "")
    for command in "train", "evaluate", "data", "convert", "info", "help":
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


sys.exit(main())
