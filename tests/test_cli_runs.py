#!/usr/bin/env python3
"""Runs of the program: what they print, what they write, how they exit. Prints TAP."""
import csv
import glob
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

from cli import case, check, check_status, checkpoint_bytes, EXPERIMENT, main, RANVIER, read, run, TWO_NEURONS, write


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


sys.exit(main())
