#!/usr/bin/env python3
"""The program under mpirun: the same files on any number of ranks, and one end for all. Prints TAP."""
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

RANVIER = os.environ.get("RANVIER", "build/ranvier")
# Root in a container, more ranks than processors, and messages without the kernel's help, which containers refuse.
MPI = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1", "OMPI_MCA_rmaps_base_oversubscribe": "1",
       "OMPI_MCA_btl_vader_single_copy_mechanism": "none", "OMPI_MCA_hwloc_base_binding_policy": "none"}

EXPERIMENT = """\
seed: 4
data:
  encoder: {type: time, min_time: 2, max_time: 27, add_bias: true, bias_time: 2}
  train: {type: yin_yang, num_examples: 150, seed: 1}
  test: {type: yin_yang, num_examples: 50, seed: 2}
network:
  populations:
    input: {shape: 5, neuron: spike_input}
    hidden: {shape: 40, neuron: {type: leaky_integrate_fire, v_thresh: 1, tau_mem: 20}}
    output: {shape: 3, neuron: {type: leaky_integrate, tau_mem: 20, readout: avg_var}}
  connections:
    - {name: input_hidden, source: input, target: hidden, connectivity: CONNECTIVITY, synapse: SYNAPSE DELAYS}
    - {source: hidden, target: hidden, synapse: SYNAPSE,
       connectivity: {type: dense, weight: {normal: {mean: 0, sd: 0.3}}}}
    - {source: hidden, target: output, synapse: SYNAPSE,
       connectivity: {type: dense, weight: {normal: {mean: 0.2, sd: 0.37}}}}
compiler: {example_timesteps: 60, dt: 0.5, batch_size: 16, COMPILER}
training: {num_epochs: 2, validation_split: 0.2}
callbacks:
  - {type: Checkpoint, batch_interval: 3}
  - {type: SpikeRecorder, population: hidden, key: spikes, examples: [1, 2, 3, 50]}
"""

DENSE = "{type: dense, weight: {normal: {mean: 2, sd: 3}}}"
EXPONENTIAL = "{type: exponential, tau: 5}"
NETWORKS = {
    "dense": (DENSE, EXPONENTIAL, "", "type: eventprop"),
    "sparse_with_deep_r": ("{type: fixed_probability, p: 0.4, weight: {normal: {mean: 3, sd: 3}}}", EXPONENTIAL, "",
                           "type: eventprop, deep_r_conns: [input_hidden], deep_r_l1_strength: 0.01"),
    "delays": ("{type: dense, weight: {normal: {mean: 2, sd: 3}}, delay: {uniform: {min: 0, max: 4}}}", EXPONENTIAL,
               ", max_delay_steps: 10", "type: eventprop, delay_learn_conns: [input_hidden]"),
    "eprop": (DENSE, "delta", "", "type: eprop"),
}

cases = []


def case(function):
    cases.append(function)
    return function


def check(condition, *details):
    if not condition:
        raise AssertionError("\n".join(str(detail) for detail in details))


def write(folder, network="dense", name="experiment.yaml", **changes):
    text = EXPERIMENT
    for word, value in zip(("CONNECTIVITY", "SYNAPSE", " DELAYS", "COMPILER"), NETWORKS[network]):
        text = text.replace(word, value)
    for old, new in changes.items():
        check(old + ": " in text, old)
        head, tail = text.split(old + ": ", 1)
        text = head + f"{old}: {new}" + tail[len(re.match(r"[^,}\n]*", tail)[0]):]
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text)
    return path


def command(ranks, *args):
    return ["mpirun", "-n", str(ranks), *args] if ranks else list(args)


def run(ranks, *args, status=0, program=(RANVIER,)):
    """ranks 0: without mpirun."""
    result = subprocess.run(command(ranks, *program, *args), capture_output=True, text=True, timeout=100,
                            env={**os.environ, **MPI})
    check(result.returncode == status, f"exit status {result.returncode}, expected {status}", result.stdout,
          result.stderr)
    return result


def said(result):
    """The lines of the program itself, not mpirun's."""
    return [line for line in result.stderr.splitlines() if line.startswith("ranvier:")]


def digest(out):
    """One hash of all files of a run that say what was computed: checkpoints with states, history, recorded spikes."""
    whole = hashlib.sha256()
    for folder, folders, files in sorted(os.walk(out)):
        folders.sort()
        for name in sorted(files):
            if name not in ("plan.txt", "experiment.yaml"):
                with open(os.path.join(folder, name), "rb") as file:
                    whole.update(name.encode() + b"\0" + file.read())
    return whole.hexdigest()


def latest(out):
    with open(os.path.join(out, "checkpoint", "latest")) as file:
        return file.read().strip()


def start(ranks, path, out):
    """Starts a long run and waits for its first checkpoint."""
    process = subprocess.Popen(command(ranks, RANVIER, "train", path, "-o", out), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, **MPI}, start_new_session=True)
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(out, "checkpoint", "latest")) and process.poll() is None:
        check(time.monotonic() < deadline, "no checkpoint within a minute")
        time.sleep(0.01)
    check(process.poll() is None, "the run was over too soon", process.returncode)
    return process


def ranks_of(process):
    """Process ids by rank."""
    found = {}
    with open(f"/proc/{process.pid}/task/{process.pid}/children") as file:
        children = file.read().split()
    for child in children:
        with open(f"/proc/{child}/environ", "rb") as file:
            values = dict(item.split(b"=", 1) for item in file.read().split(b"\0") if b"=" in item)
        if b"OMPI_COMM_WORLD_RANK" in values:
            found[int(values[b"OMPI_COMM_WORLD_RANK"])] = int(child)
    return found


def ended(process):
    """Exit status and messages of a process that must end by itself."""
    try:
        _, messages = process.communicate(timeout=60)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise AssertionError("the job hangs")
    return process.returncode, messages


def one_hash(folder, network):
    """Ranks 0 stands for the program without mpirun."""
    path = write(folder, network)
    hashes = {}
    grid = [(ranks, threads) for ranks in (1, 2, 3, 4) for threads in (1, 2)]
    for ranks, threads in [(0, 1)] + (grid if network == "dense" else [(2, 2), (3, 1), (4, 2)]):
        out = os.path.join(folder, f"{ranks}-{threads}")
        run(ranks, "train", path, "-q", "-o", out, "-j", str(threads))
        hashes[ranks, threads] = digest(out)
    print(f"# {network}: {len(hashes)} runs, {hashes[0, 1][:16]}")
    check(len(set(hashes.values())) == 1, *(f"{r} ranks of {t} threads: {h}" for (r, t), h in hashes.items()))


for kind in NETWORKS:
    def same(folder, network=kind):
        one_hash(folder, network)
    same.__name__ = f"{kind}_gives_one_hash_for_any_ranks_and_threads"
    case(same)


STREAMS = """\
  - {type: VarRecorder, population: hidden, var: v, key: v, examples: "::3", stream: KIND}
  - {type: SpikeRecorder, population: input, key: shown, examples: "::2", stream: KIND}
  - {type: ConnVarRecorder, connection: input_hidden, genn_var: Gradient, key: gradient, examples: ":9", timesteps: 0,
     stream: KIND}
validation_callbacks:
  - {type: SpikeRecorder, population: hidden, key: counts, record_counts: true, stream: KIND}
"""


def streams(folder, kind):
    """Rank 0 writes what all of them recorded: the bytes of one process."""
    path, hashes = write(folder), {}
    with open(path, "a") as file:
        file.write(STREAMS.replace("KIND", kind))
    for ranks in (0, 2, 3):
        out = os.path.join(folder, f"{ranks}")
        run(ranks, "train", path, "-q", "-o", out)
        hashes[ranks] = digest(out)
        names = os.listdir(os.path.join(out, "recorded"))
        check(sum(name.endswith(kind) and not name.startswith("spikes") for name in names) == (4 if kind == "h5" else 14),
              names)
    check(len(set(hashes.values())) == 1, hashes)


for kind in ("npy", "h5"):
    def streamed(folder, kind=kind):
        streams(folder, kind)
    streamed.__name__ = f"streams_to_{kind}_are_the_same_bytes_for_any_ranks"
    case(streamed)


@case
def what_differs_gives_another_hash(folder):
    run(2, "train", write(folder), "-q", "-o", os.path.join(folder, "a"))
    run(2, "train", write(folder, num_examples="140"), "-q", "-o",
        os.path.join(folder, "b"))
    check(digest(os.path.join(folder, "a")) != digest(os.path.join(folder, "b")), "the digest sees nothing")


@case
def only_rank_0_speaks(folder):
    path = write(folder)
    out = os.path.join(folder, "run")
    result = run(3, "train", path, "-o", out)
    check(sum("ranks of" in line for line in said(result)) == 1, result.stderr)
    check(result.stdout.count("test accuracy") == 1 and result.stdout.count("run folder") == 1, result.stdout)
    alone = run(0, "evaluate", out, "-q").stdout
    check(run(3, "evaluate", out, "-q").stdout == alone and "test accuracy" in alone, alone)
    check(run(3, "--version").stdout == run(0, "--version").stdout, "every rank printed")


@case
def a_mistake_in_the_input_is_told_once(folder):
    result = run(3, "train", write(folder, batch_size="-3"), status=1)
    check(len(said(result)) == 1 and "batch_size" in result.stderr, result.stderr)
    run(2, "train", "--nonsense", status=2)


@case
def a_rank_that_cannot_read_its_input_ends_the_job_with_its_message(folder):
    path = write(folder)
    script = f'[ "$OMPI_COMM_WORLD_RANK" = 1 ] && exec {RANVIER} train {folder}/missing.yaml; exec {RANVIER} train {path}'
    result = run(3, program=("sh", "-c", script), status=1)
    check(said(result) == [f"ranvier: rank 1: {folder}/missing.yaml: No such file or directory"], result.stderr)
    check(os.listdir(folder) == ["experiment.yaml"], "files were written", os.listdir(folder))


@case
def ranks_with_different_experiments_do_not_begin(folder):
    path = write(folder)
    script = f'exec {RANVIER} train {path} -q -o {folder}/run --set training.num_epochs=$((OMPI_COMM_WORLD_RANK + 2))'
    result = run(2, program=("sh", "-c", script), status=1)
    check("rank 1: ranks must be given the same: epochs is 3 here and 2 on rank 0" in result.stderr, result.stderr)


@case
def a_disk_that_is_full_ends_the_job(folder):
    # Ranks may write no file beyond 16 kB. MPI has files of its own, so it talks through sockets here.
    script = f'trap "" XFSZ; ulimit -f 16; exec {RANVIER} train {write(folder)} -o {folder}/run -q'
    result = run(2, "--mca", "btl", "self,tcp", "sh", "-c", script, status=1, program=())
    check(len(said(result)) == 1 and "File too large" in result.stderr, result.stderr)


@case
def a_killed_rank_ends_the_job_and_another_number_of_ranks_goes_on(folder):
    path = write(folder, num_epochs=40)
    straight, out = os.path.join(folder, "straight"), os.path.join(folder, "run")
    run(0, "train", path, "-q", "-o", straight, "-j", "1")
    process = start(3, path, out)
    os.kill(ranks_of(process)[2], signal.SIGKILL)
    status, messages = ended(process)
    check(status == 128 + signal.SIGKILL, status, messages)
    print(f"# killed at {latest(out)}")
    run(2, "train", "--resume", out, "-q", "-j", "2")
    check(digest(out) == digest(straight), "other files than without the kill")


@case
def a_signal_to_one_rank_stops_all_with_a_checkpoint(folder):
    path = write(folder, num_epochs=400)
    out = os.path.join(folder, "run")
    process = start(3, path, out)
    os.kill(ranks_of(process)[1], signal.SIGINT)
    status, messages = ended(process)
    check(status == 128 + signal.SIGINT, status, messages)
    check(f"to go on: ranvier train --resume {out}" in messages, messages)


@case
def a_signal_to_mpirun_stops_all_with_a_checkpoint(folder):
    # mpirun sends SIGTERM to all ranks, and SIGKILL a second later; its own exit status is 1.
    path = write(folder, num_epochs=400)
    out = os.path.join(folder, "run")
    process = start(2, path, out)
    process.send_signal(signal.SIGINT)
    status, messages = ended(process)
    check(status == 1, status, messages)
    run(1, "train", "--resume", out, "-q", "--epochs", str(int(latest(out).split(".")[0]) + 1))


def main():
    if not shutil.which("mpirun"):
        print("1..0 # SKIP mpirun is not installed")
        return 0
    if "built without MPI" in subprocess.run(command(2, RANVIER, "--version"), capture_output=True, text=True,
                                             env={**os.environ, **MPI}).stderr:
        print("1..0 # SKIP ranvier was built without MPI")
        return 0
    wanted = sys.argv[1:]
    chosen = [function for function in cases if not wanted or function.__name__ in wanted]
    failures = 0
    print(f"1..{len(chosen)}")
    for number, function in enumerate(chosen, 1):
        with tempfile.TemporaryDirectory() as folder:
            try:
                function(folder)
                print(f"ok {number} - {function.__name__}", flush=True)
            except Exception as error:  # a case that breaks is a case that fails
                failures += 1
                print(f"{type(error).__name__}: {error}")
                print(f"not ok {number} - {function.__name__}", flush=True)
    return failures > 0


sys.exit(main())
