#!/usr/bin/env python3
"""Kill a training run with SIGKILL at random moments, resume it, and compare what it comes to.

    kill_test.py [--kills N] [--seed N] [--keep FOLDER] RANVIER

A short run with checkpoints within its epochs, shuffling, a validation, a learning rate that falls by batch, monitors,
recorders, streams and logs is trained once without interruption. Then it is trained again and killed N times, at moments that
are spread over start, batches, checkpoints and validation; each time 'ranvier train --resume' must load and go on. At
the end weights, state, history and recorded data must be the same bytes. Exits 1 and says what differs if they are not.
"""
import argparse
import filecmp
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests"))
import yin_yang  # noqa: E402

COMPILER = "example_timesteps: 90, dt: 0.4, optimiser: {type: adam, alpha: 0.01}"
EXPERIMENT = yin_yang.experiment(700, 60, COMPILER, 5) + """\
callbacks:
  - {type: Checkpoint, batch_interval: 3, keep: 4}
  - {type: FiringRate, population: hidden}
  - {type: EarlyStopping, monitor: val_loss, patience: 20, restore_best_weights: true}
  - {type: ReduceLROnPlateau, monitor: hidden.rate, patience: 1, param_name: beta1, factor: 0.9}
  - {type: LearningRateSchedule, decay: cosine, warm_up: 20, per_batch: true}
  - {type: CSVLogger, file: log.csv}
  - {type: SpikeRecorder, population: hidden, key: spikes, examples: "0:20:3", neurons: "0:10"}
  - {type: VarRecorder, population: output, var: v, key: streamed, timesteps: "::9", stream: npy}
  - {type: SpikeRecorder, population: hidden, key: streamed-spikes, neurons: "::7", stream: npy}
validation_callbacks:
  - {type: VarRecorder, population: output, genn_var: VAvg, key: streamed, timesteps: -1, stream: npy}
  - {type: SilentNeurons, population: hidden}
  - {type: SpikeRecorder, population: hidden, key: counts, examples: "560:600", record_counts: true}
"""


def train(ranvier, *args):
    return subprocess.Popen([ranvier, "train", "--progress", "lines", *args], stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)


def finish(process):
    """Waits for a run that nobody kills; it must succeed."""
    _, messages = process.communicate()
    if process.returncode != 0:
        sys.exit(f"exit status {process.returncode}: {messages}")


def begin_or_resume(ranvier, experiment, run):
    """A run that was killed before it had written its experiment has not begun."""
    if os.path.exists(os.path.join(run, "experiment.yaml")):
        return train(ranvier, "--resume", run)
    shutil.rmtree(run, ignore_errors=True)
    return train(ranvier, experiment, "--out", run)


def files_of(folder):
    """Names in a run folder, without the plan, and experiments, whose folders' names differ."""
    found = []
    for path, _, names in os.walk(folder):
        found += [os.path.relpath(os.path.join(path, name), folder) for name in names]
    return sorted(name for name in found if name not in ("experiment.yaml", "plan.txt"))


def compare(expected, run):
    """What of the run folders differs. Checkpoints before the last depend on when the run was killed."""
    faults = []
    last = open(os.path.join(expected, "checkpoint", "latest")).read().strip()
    wanted = [name for name in files_of(expected)
              if not name.startswith("checkpoint/") or name.startswith(f"checkpoint/{last}-") or name.endswith("latest")]
    for name in wanted:
        other = os.path.join(run, name)
        if not os.path.exists(other):
            faults.append(f"{name} is missing")
        elif not filecmp.cmp(os.path.join(expected, name), other, shallow=False):
            faults.append(f"{name} differs")
    left = [name for name in files_of(run) if ".tmp" in name]
    return faults + [f"{name} was left over" for name in left]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("ranvier")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", help="folder for the runs, which are left there")
    args = parser.parse_args()
    chance = random.Random(args.seed)
    folder = args.keep or tempfile.mkdtemp()
    os.makedirs(folder, exist_ok=True)
    experiment, expected, run = (os.path.join(folder, name) for name in ("experiment.yaml", "straight", "killed"))
    with open(experiment, "w") as file:
        file.write(EXPERIMENT)
    start = time.monotonic()
    finish(train(args.ranvier, experiment, "--out", expected))
    seconds = time.monotonic() - start

    kills = completed = 0
    while kills < args.kills:
        process = begin_or_resume(args.ranvier, experiment, run)
        try:
            process.wait(chance.uniform(0, min(seconds, 4 * seconds / args.kills + 0.05)))
        except subprocess.TimeoutExpired:
            process.kill()
        _, messages = process.communicate()
        if process.returncode == 0:
            # it came to its end before its time: begin anew, so that all kills meet a run
            faults = compare(expected, run)
            if faults:
                sys.exit(f"after {kills} kills: " + ", ".join(faults))
            completed += 1
            shutil.rmtree(run)
        elif process.returncode != -9:
            sys.exit(f"after {kills} kills: exit status {process.returncode}: {messages}")
        else:
            kills += 1
    finish(begin_or_resume(args.ranvier, experiment, run))
    faults = compare(expected, run)
    if not args.keep:
        shutil.rmtree(folder)
    if faults:
        sys.exit(f"after {kills} kills: " + ", ".join(faults))
    print(f"{kills} kills, {completed + 1} runs of {seconds:.1f} s came to their ends with the same bytes")


main()
