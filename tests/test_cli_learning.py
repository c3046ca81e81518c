#!/usr/bin/env python3
"""Examples, and learning as experiment files describe it. Prints TAP."""
import csv
import glob
import os
import re
import sys

from cli import case, check, check_status, checkpoint_bytes, DIGITS, EXPERIMENT, main, read, ROOT, run, write


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


sys.exit(main())
