#!/usr/bin/env python3
"""Recorders that stream to files while a run goes on, and what they say when they cannot. Prints TAP."""
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

import yin_yang

ROOT = os.environ.get("RV_SOURCE_ROOT", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RV_BUILD_ROOT", os.path.join(ROOT, "build"))
RANVIER = os.environ.get("RANVIER", os.path.join(BUILD, "ranvier"))
# Checkpoints are synced, which takes long on a slow disk.
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

EXPERIMENT = yin_yang.experiment(120, 30, "example_timesteps: 35, optimiser: {type: adam, alpha: 0.01}", 3, seed=3,
                                 num_test=20)

RECORDERS = """\
  - {type: VarRecorder, population: hidden, var: v, key: v, examples: "::3", neurons: "::2", timesteps: "1::5"%s}
  - {type: SpikeRecorder, population: hidden, key: spikes, examples: ":50", timesteps: ":30"%s}
  - {type: SpikeRecorder, population: hidden, key: counts, record_counts: true%s}
  - {type: ConnVarRecorder, connection: Conn_hidden_output, genn_var: Gradient, key: gradient, examples: [5, 7],
     src_neurons: "::4", trg_neurons: [0, -1], timesteps: 0%s}
"""

cases = []


def case(function):
    cases.append(function)
    return function


def check(condition, *shown):
    if not condition:
        raise AssertionError("\n".join(str(x) for x in shown))


def recorders(stream):
    return RECORDERS.replace("%s", f", stream: {stream}")


def write(folder, callbacks, extra="", name="test.yaml"):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(EXPERIMENT + "callbacks:\n" + callbacks + extra)
    return path


def run(*args, status=0, **more):
    result = subprocess.run([RANVIER, *args], capture_output=True, text=True, timeout=120, **more)
    check(result.returncode == status, f"exit status {result.returncode}, expected {status}", result.stderr)
    return result


def load(out):
    folder = os.path.join(out, "recorded")
    return {name[:-4]: np.load(os.path.join(folder, name)) for name in sorted(os.listdir(folder))}


def load_h5(out, key):
    import h5py
    with h5py.File(os.path.join(out, "recorded", key + ".h5"), "r") as file:
        return {f"{key}-{name}": file[name][...] for name in file}


def entries(arrays, key):
    """{(epoch, example): numbers} of a recorder; no entry comes twice."""
    positions = list(zip(arrays[f"{key}-epochs"], arrays[f"{key}-examples"]))
    check(len(set(positions)) == len(positions), "entries come twice", positions)
    if f"{key}-values" in arrays:
        check(len(arrays[f"{key}-values"]) == len(positions), arrays[f"{key}-values"].shape, len(positions))
        return dict(zip(positions, arrays[f"{key}-values"]))
    offsets = arrays[f"{key}-offsets"]
    check(offsets[0] == 0 and len(offsets) == len(positions) + 1 and offsets[-1] == len(arrays[f"{key}-ids"]), offsets)
    return {position: np.stack([arrays[f"{key}-times"][a:b], arrays[f"{key}-ids"][a:b]])
            for position, a, b in zip(positions, offsets, offsets[1:])}


def same(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k], equal_nan=True) for k in a)


KEYS = ("v", "spikes", "counts", "gradient")


@case
def streams_hold_what_memory_holds(folder):
    outs = {}
    for stream in ("off", "npy", "h5"):
        outs[stream] = os.path.join(folder, stream)
        run("train", write(folder, recorders(stream)), "-q", "--out", outs[stream])
    memory, npy = load(outs["off"]), load(outs["npy"])
    check(sorted(memory) == sorted(npy), sorted(memory), sorted(npy))
    for key in KEYS:
        expected = entries(memory, key)
        check(len(expected) > 0 and any(len(x) for x in expected.values()), f"{key}: nothing was recorded")
        check(same(expected, entries(npy, key)), f"{key}: npy differs from memory")
        check({name: memory[name].dtype for name in memory} == {name: npy[name].dtype for name in npy}, "types differ")
        try:
            check(same(expected, entries(load_h5(outs["h5"], key), key)), f"{key}: HDF5 differs from memory")
        except ImportError:
            print("# without h5py HDF5 is not looked at")
    check(memory["v-values"].shape == (3 * 32, 7, 15), memory["v-values"].shape)
    check(memory["gradient-values"].shape == (3 * 2, 1, 8, 2), memory["gradient-values"].shape)
    with open(os.path.join(outs["off"], "history.csv")) as a, open(os.path.join(outs["npy"], "history.csv")) as b:
        check(a.read() == b.read(), "histories differ")


@case
def of_a_validation_too_and_of_evaluate(folder):
    callbacks = "  - terminate_on_nan\nvalidation_callbacks:\n" \
                "  - {type: VarRecorder, population: output, var: v, key: v, stream: npy}\n"
    path, out, test = write(folder, callbacks), os.path.join(folder, "run"), os.path.join(folder, "test")
    run("train", path, "-q", "--out", out)
    arrays = load(out)
    check(sorted(arrays) == ["validation-v-epochs", "validation-v-examples", "validation-v-values"], sorted(arrays))
    check(arrays["validation-v-values"].shape == (3 * 24, 35, 3), arrays["validation-v-values"].shape)
    run("evaluate", out, "-q", "--out", test)
    check(load(test)["v-values"].shape == (20, 35, 3), load(test)["v-values"].shape)
    check("--out" in run("evaluate", out, status=1).stderr, "evaluate without --out")


@case
def numpy_reads_the_files_while_the_run_goes_on(folder):
    out = os.path.join(folder, "run")
    names = [os.path.join(out, "recorded", f"{name}.npy")
             for name in ("v-epochs", "v-examples", "v-values", "spikes-epochs", "spikes-offsets", "spikes-ids")]
    process = subprocess.Popen([RANVIER, "train", write(folder, recorders("npy")), "-q", "--out", out, "--epochs",
                                "1000000"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seen, last = [], -1
    deadline = time.monotonic() + 60
    while len(seen) < 8 and process.poll() is None and time.monotonic() < deadline:
        if all(map(os.path.exists, names)) and all(os.path.getsize(name) >= 128 for name in names):
            epochs, examples, values, spike_epochs, offsets, ids = [np.load(name, mmap_mode="r") for name in names]
            # what comes last says how much is whole
            check(len(values) >= len(epochs) <= len(examples) + 16, len(values), len(epochs), len(examples))
            check(len(offsets) > len(spike_epochs) and len(ids) >= offsets[len(spike_epochs)], "spikes are missing")
            if len(epochs) > last:
                last = len(epochs)
                seen.append((last, np.array(values[:last])))
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    check(process.returncode == 130, process.returncode, message)
    final = load(out)
    check(len(seen) == 8, [num for num, _ in seen])
    for num, values in seen:
        check(np.array_equal(values, final["v-values"][:num]), f"the first {num} entries were others")


def read_all(out):
    folder = os.path.join(out, "recorded")
    return {name: open(os.path.join(folder, name), "rb").read() for name in sorted(os.listdir(folder))}


def kill_when_recorded(path, out, name, size, *more):
    """Starts training, and kills it when a recorded file has reached a size."""
    process = subprocess.Popen([RANVIER, "train", path, "-q", "--out", out, *more], stdout=subprocess.DEVNULL)
    name = os.path.join(out, "recorded", name)
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if os.path.exists(name) and os.path.getsize(name) >= size:
            break
        time.sleep(0.001)
    process.kill()
    process.wait()


@case
def a_run_that_was_killed_goes_on_to_the_same_bytes(folder):
    validation = "validation_callbacks:\n  - {type: SpikeRecorder, population: hidden, key: s, stream: npy}\n"
    callbacks = "  - {type: Checkpoint, batch_interval: 2, resumable: 2, keep: 3}\n" + recorders("npy")
    path, whole = write(folder, callbacks, validation), os.path.join(folder, "whole")
    more = ("--set", "training.num_epochs=40")
    run("train", path, "-q", "--out", whole, *more)
    expected = read_all(whole)
    for entries_seen in (20, 500, 900):
        out = os.path.join(folder, f"killed-{entries_seen}")
        kill_when_recorded(path, out, "counts-epochs.npy", 128 + 8 * entries_seen, *more)
        run("train", "--resume", out, "-q")
        got = read_all(out)
        check(got.keys() == expected.keys(), sorted(got), sorted(expected))
        for name, data in expected.items():
            check(got[name] == data, f"killed after {entries_seen} entries: {name} differs")


@case
def hdf5_is_whole_after_a_kill_and_goes_on_to_the_same_numbers(folder):
    try:
        import h5py
    except ImportError:
        return "no h5py"
    callbacks = "  - {type: Checkpoint, batch_interval: 2, keep: 3}\n" \
                "  - {type: SpikeRecorder, population: hidden, key: when, record_counts: true, stream: npy}\n"
    callbacks += recorders("h5")
    path, whole = write(folder, callbacks), os.path.join(folder, "whole")
    more = ("--set", "training.num_epochs=30")
    run("train", path, "-q", "--out", whole, *more)
    expected = {key: entries(load_h5(whole, key), key) for key in KEYS}
    for entries_seen in (100, 700, 1500):
        out = os.path.join(folder, f"killed-{entries_seen}")
        kill_when_recorded(path, out, "when-epochs.npy", 128 + 8 * entries_seen, *more)
        for key in KEYS:  # what is there is what the whole run has
            with h5py.File(os.path.join(out, "recorded", key + ".h5"), "r", swmr=True) as file:
                num = min(len(file["epochs"]), len(file["examples"]))
                for i in range(num if key != "spikes" else 0):
                    position = file["epochs"][i], file["examples"][i]
                    check(np.array_equal(file["values"][i], expected[key][position], equal_nan=True), key, position)
            check(num > 0, f"{key}: nothing is left")
        run("train", "--resume", out, "-q")
        for key in KEYS:
            check(same(expected[key], entries(load_h5(out, key), key)), f"killed after {entries_seen} entries: {key} differs")


@case
def hdf5_goes_on_where_a_stopped_run_was(folder):
    path, whole, out = write(folder, recorders("h5")), os.path.join(folder, "whole"), os.path.join(folder, "run")
    try:
        import h5py  # noqa: F401
    except ImportError:
        return "no h5py"
    run("train", path, "-q", "--out", whole, "--epochs", "5")
    run("train", path, "-q", "--out", out, "--epochs", "2")
    run("train", "--resume", out, "-q", "--epochs", "5")
    for key in KEYS:
        check(same(entries(load_h5(whole, key), key), entries(load_h5(out, key), key)), f"{key} differs")


@case
def a_budget_that_is_too_small_is_an_error_before_the_run_and_says_what_fits(folder):
    out = os.path.join(folder, "run")
    recorder = "  - {type: VarRecorder, population: hidden, var: v, key: v, budget: %d%s}\n"
    failed = run("train", write(folder, recorder % (200000, "")), "-q", "--out", out, status=1)
    check(not os.path.exists(out), "a folder was made")
    found = re.search(r"VarRecorder of population 'hidden': 288 entries of 35 x 30 numbers need (\d+) bytes, its budget "
                      r"is 200000; examples \"(:\d+)\" would fit", failed.stderr)
    check(found and int(found[1]) >= 288 * 35 * 30 * 4 and len(failed.stderr.splitlines()) == 1, failed.stderr)
    run("train", write(folder, recorder % (200000, f', examples: "{found[2]}"')), "-q", "--out", out)
    one_more = f":{int(found[2][1:]) + 1}"
    run("train", write(folder, recorder % (200000, f', examples: "{one_more}"')), "-q", status=1, cwd=folder)
    failed = run("train", write(folder, recorder % (5000, ", examples: 3")), "-q", status=1, cwd=folder)
    found = re.search(r'timesteps "(::\d+)" would fit', failed.stderr)
    check(found, failed.stderr)
    text = recorder % (5000, f', examples: 3, timesteps: "{found[1]}"')
    run("train", write(folder, text), "-q", "--out", os.path.join(folder, "thin"))
    run("train", write(folder, recorder % (int(re.search(r"need (\d+) bytes", run(
        "train", write(folder, recorder % (1, "")), "-q", status=1, cwd=folder).stderr)[1]), "")), "-q", "--out",
        os.path.join(folder, "exact"))


@case
def spikes_that_outgrow_their_budget_end_the_run(folder):
    recorder = "  - {type: SpikeRecorder, population: hidden, key: s, budget: 30000}\n"
    failed = run("train", write(folder, recorder), "-q", "--out", os.path.join(folder, "run"), status=1)
    check("SpikeRecorder of population 'hidden': its budget of 30000 bytes is full after" in failed.stderr and
          len(failed.stderr.splitlines()) == 1, failed.stderr)


@case
def a_full_disk_names_the_file_and_keeps_the_last_checkpoint(folder):
    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600000, 600000))
    out = os.path.join(folder, "run")
    callbacks = "  - {type: Checkpoint, resumable: 1, keep: 2}\n" \
                "  - {type: VarRecorder, population: hidden, var: v, key: v, stream: npy}\n"
    path = write(folder, callbacks)
    failed = run("train", path, "-q", "--out", out, status=1, preexec_fn=limit_files)
    # some file systems say so when room for an epoch is set aside, others when it is written
    check(re.search(r"recorded/v-values\.npy: (cannot write: File too large|the next epoch needs \d+ bytes)",
                    failed.stderr) and len(failed.stderr.splitlines()) == 1, failed.stderr)
    run("evaluate", out, "-q")
    values = np.load(os.path.join(out, "recorded", "v-values.npy"))
    check(0 < len(values) < 288, values.shape)
    whole = os.path.join(folder, "whole")
    run("train", path, "-q", "--out", whole)
    run("train", "--resume", out, "-q")
    check(read_all(out) == read_all(whole), "what was recorded differs after the disk had room again")


@case
def what_cannot_be_written_is_an_error_before_the_run(folder):
    recorder = "validation_callbacks:\n  - {type: VarRecorder, population: output, var: v, key: v, stream: npy}\n"
    path, out = write(folder, "  - terminate_on_nan\n", recorder), os.path.join(folder, "run")
    run("train", path, "-q", "--out", out)
    os.mkdir(os.path.join(folder, "test"))
    with open(os.path.join(folder, "test", "recorded"), "w"):
        pass
    failed = run("evaluate", out, "-q", "--out", os.path.join(folder, "test"), status=1)
    check("recorded/v-values.npy: cannot be written: Not a directory" in failed.stderr, failed.stderr)
    unknown = write(folder, "  - {type: ConnVarRecorder, connection: hidden_output, genn_var: g}\n")
    failed = run("train", unknown, "-q", "--out", os.path.join(folder, "none"), status=1)
    check("Conn_hidden_output" in failed.stderr, failed.stderr)
    check(not os.path.exists(os.path.join(folder, "none")), "a folder was made")


def main():
    failed = 0
    print(f"1..{len(cases)}")
    for number, function in enumerate(cases, 1):
        folder = tempfile.mkdtemp(dir=FAST)
        try:
            reason = function(folder)
            print(f"ok {number} - {function.__name__}" + (f" # SKIP {reason}" if reason else ""), flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"not ok {number} - {function.__name__}")
            print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return failed > 0


sys.exit(main())
