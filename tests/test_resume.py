#!/usr/bin/env python3
"""Runs that are killed, interrupted or out of disk, and go on; and the logs they write. Prints TAP."""
import csv
import glob
import json
import os
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time

import yin_yang

RANVIER = os.environ.get("RANVIER", "build/ranvier")
ROOT = os.environ.get("RV_SOURCE_ROOT", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

EXPERIMENT = yin_yang.experiment(600, 60, "example_timesteps: 90, dt: 0.4", 3) + "callbacks:\n"
CHECKPOINT = "  - {type: Checkpoint, batch_interval: 4}\n"

cases = []


def case(function):
    cases.append(function)
    return function


def check(condition, *details):
    if not condition:
        raise AssertionError("\n".join(str(detail) for detail in details))


class Skip(Exception):
    pass


def run(*args, status=0, **options):
    result = subprocess.run([RANVIER, *args], capture_output=True, text=True, timeout=120, **options)
    check(result.returncode == status, f"exit status {result.returncode}, expected {status}", result.stderr)
    return result


def write(folder, callbacks=CHECKPOINT, name="experiment.yaml", text=EXPERIMENT):
    path = os.path.join(folder, name)
    with open(path, "w") as file:
        file.write(text + callbacks)
    return path


def read(*path):
    with open(os.path.join(*path), "rb") as file:
        return file.read()


def latest(out):
    return read(out, "checkpoint", "latest").decode().strip()


def final(out):
    """What a run has come to: its last state and its history."""
    return read(out, "checkpoint", f"{latest(out)}-state.npz"), read(out, "history.csv")


def straight(folder, *args, callbacks=CHECKPOINT):
    out = os.path.join(folder, "straight")
    run("train", write(folder, callbacks), "-q", "-o", out, *args)
    return final(out)


def start_and_signal(number, path, out, *args, after="checkpoint/latest"):
    """Trains until a file is there, then sends a signal; the finished process and its messages."""
    process = subprocess.Popen([RANVIER, "train", path, "-o", out, *args], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not os.path.exists(os.path.join(out, after)) and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.002)
    process.send_signal(number)
    out_text, messages = process.communicate(timeout=60)
    return process.returncode, out_text, messages


@case
def killed_runs_go_on_to_the_same_bytes(folder):
    result = subprocess.run([sys.executable, os.path.join(ROOT, "scripts", "kill_test.py"), "--kills", "8", "--keep",
                             os.path.join(folder, "kill"), RANVIER], capture_output=True, text=True, timeout=200)
    check(result.returncode == 0, result.stdout, result.stderr)


@case
def an_interrupted_run_finishes_its_batch_and_can_go_on(folder):
    expected = straight(folder, "-e", "30")
    path, out = write(folder), os.path.join(folder, "run")
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
        shutil.rmtree(out, ignore_errors=True)
        code, stdout, messages = start_and_signal(number, path, out, "-e", "30")
        check(code == status, code, messages)
        check(stdout == "", stdout)
        check(f"stopped by a signal; to go on: ranvier train --resume {out}" in messages, messages)
        check("." in latest(out) or int(latest(out)) < 29, latest(out))
        run("train", "--resume", out, "-q")
        check(final(out) == expected, "the run came to something else")


@case
def an_interrupt_before_the_first_checkpoint_loses_nothing_but_time(folder):
    path, out = write(folder), os.path.join(folder, "run")
    expected = straight(folder)
    os.makedirs(out)
    shutil.copy(os.path.join(folder, "straight", "experiment.yaml"), out)
    result = run("train", "--resume", out)
    check("there is no checkpoint yet, the run begins at its beginning" in result.stderr, result.stderr)
    check(final(out) == expected, "the run came to something else")


@case
def a_resumed_run_may_get_more_epochs(folder):
    expected = straight(folder, "-e", "5")
    path, out = write(folder), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out, "-e", "2")
    result = run("train", "--resume", out, "-e", "5", "-q")
    check(final(out) == expected, "the run came to something else")
    check("train loss:" in result.stdout, result.stdout)
    check("num_epochs: 5" in read(out, "experiment.yaml").decode(), "experiment.yaml is as it was")
    again = run("train", "--resume", out, "-q")
    check(final(out) == expected and again.stdout == result.stdout, again.stdout, result.stdout)


@case
def threads_may_change_when_a_run_goes_on(folder):
    expected = straight(folder, "--threads", "1")
    path, out = write(folder), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out, "-e", "1", "--threads", "1")
    run("train", "--resume", out, "-q", "-e", "3", "--threads", "3")
    check(final(out) == expected, "the run came to something else")


# ---- where nothing can be written


def limit_file_size(size):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    return limit


@case
def a_file_that_cannot_be_written_ends_the_run_and_the_last_checkpoint_stays(folder):
    expected = straight(folder)
    path, out = write(folder), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out, "-e", "1")
    before = final(out)
    result = run("train", "--resume", out, "-q", "-e", "3", status=1, preexec_fn=limit_file_size(12000))
    check("-state.npz: cannot write: File too large" in result.stderr, result.stderr)
    check(latest(out) == "0" and final(out)[0] == before[0], latest(out))
    check(not glob.glob(os.path.join(out, "checkpoint", ".*")), os.listdir(os.path.join(out, "checkpoint")))
    run("train", "--resume", out, "-q", "-e", "3")
    check(final(out) == expected, "the run came to something else")


@case
def a_full_disk_ends_the_run_and_the_last_checkpoint_stays(folder):
    expected = straight(folder, "-e", "12")
    path, disk = write(folder), os.path.join(folder, "disk")
    os.mkdir(disk)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160k", "ranvier-test", disk], capture_output=True,
                           text=True)
    if mount.returncode != 0:
        raise Skip("no small file system can be mounted here")
    try:
        out = os.path.join(disk, "run")
        result = run("train", path, "-q", "-o", out, "-e", "12", status=1)
        check(": No space left on device" in result.stderr and out in result.stderr, result.stderr)
        kept = latest(out)
        check("." in kept or int(kept) < 11, kept)
        # the marked checkpoint is whole: evaluating reads it
        remount = subprocess.run(["mount", "-o", "remount,size=4m", disk], capture_output=True, text=True)
        check(remount.returncode == 0, remount.stderr)
        run("train", "--resume", out, "-q")
        check(final(out) == expected, "the run came to something else")
    finally:
        subprocess.run(["umount", disk], check=False)


def become_nobody():
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)


@case
def an_unwritable_folder_ends_the_run_with_its_name(folder):
    path, out = write(folder), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out, "-e", "1")
    checkpoints = os.path.join(out, "checkpoint")
    for parent in (folder, os.path.dirname(folder)):
        os.chmod(parent, 0o755)
    os.chmod(checkpoints, 0o555)
    try:
        result = run("train", "--resume", out, "-q", "-e", "2", status=1, preexec_fn=become_nobody)
    finally:
        os.chmod(checkpoints, 0o755)
    check(out in result.stderr and "Permission denied" in result.stderr, result.stderr)
    check(latest(out) == "0", latest(out))


# ---- what is refused


@case
def what_cannot_be_resumed_is_named(folder):
    path, out = write(folder), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out)
    result = run("train", "--resume", path, status=1)
    check("is not the folder of a run" in result.stderr, result.stderr)
    result = run("train", "--resume", out, "-o", "x", status=2)
    check("--resume goes on in its own folder" in result.stderr, result.stderr)
    result = run("train", "--resume", out, "--set", "compiler.batch_size=8", status=1)
    check("batch_size was 16 when the checkpoint was made and is 8 now" in result.stderr, result.stderr)
    result = run("train", "--resume", out, "--seed", "5", status=1)
    check("seed was 4" in result.stderr, result.stderr)
    state = os.path.join(out, "checkpoint", f"{latest(out)}-state.npz")
    with open(state, "r+b") as file:
        file.seek(4000)
        file.write(b"damage")
    result = run("train", "--resume", out, status=1)
    check("is damaged: its checksum is" in result.stderr, result.stderr)
    os.remove(os.path.join(out, "history.csv"))
    os.remove(state)
    result = run("train", "--resume", out, status=1)
    check("is missing, though its manifest names it" in result.stderr, result.stderr)


@case
def two_processes_do_not_train_in_one_folder(folder):
    path, out = write(folder), os.path.join(folder, "run")
    first = subprocess.Popen([RANVIER, "train", path, "-q", "-o", out, "-e", "100000"], stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while not os.path.exists(os.path.join(out, "checkpoint", "latest")) and time.monotonic() < deadline:
            time.sleep(0.002)
        result = run("train", "--resume", out, status=1)
        check("another process is training in it" in result.stderr, result.stderr)
    finally:
        first.kill()
        first.wait()


@case
def a_log_that_lost_what_the_checkpoint_knows_is_an_error(folder):
    path, out = write(folder), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out)
    with open(os.path.join(out, "history.csv"), "r+b") as file:
        file.truncate(10)
    result = run("train", "--resume", out, "-e", "4", status=1)
    check("history.csv: has 10 bytes, but had" in result.stderr, result.stderr)


# ---- callbacks of an experiment file


def crc32c(data):
    table = []
    for i in range(256):
        for _ in range(8):
            i = (i >> 1) ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    crc = 0xFFFFFFFF
    for byte in data:
        crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8)
    return crc ^ 0xFFFFFFFF


def masked(data):
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def fields(data):
    """(number, value) of a protocol buffer's fields: bytes, or integers of their fixed or variable size."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = varint(data, at)
        elif kind == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            size = {1: 8, 5: 4}[kind]
            value, at = data[at:at + size], at + size
        yield number, value


def read_events(path):
    """(version, [(tag, step, value)]) of an event file, whose checksums must be right."""
    data, at, version, scalars = read(path), 0, None, []
    while at < len(data):
        length, length_crc = struct.unpack_from("<QI", data, at)
        event = data[at + 12:at + 12 + length]
        check(masked(data[at:at + 8]) == length_crc, f"checksum of the length at {at}")
        check(masked(event) == struct.unpack_from("<I", data, at + 12 + length)[0], f"checksum of the event at {at}")
        at += length + 16
        found = dict(fields(event))
        check(abs(struct.unpack("<d", found[1])[0] - time.time()) < 1000, "wall time")
        if 3 in found:
            version = found[3].decode()
            continue
        for _, value in fields(found[5]):
            parts = dict(fields(value))
            scalars.append((parts[1].decode(), found.get(2, 0), struct.unpack("<f", parts[2])[0]))
    return version, scalars


@case
def checksums_are_those_of_the_standard(folder):
    check(crc32c(b"123456789") == 0xE3069283, hex(crc32c(b"123456789")))  # RFC 3720's, for the reader above


@case
def tensorboard_reads_what_the_history_says(folder):
    callbacks = CHECKPOINT + ("  - {type: TensorBoard, batch_interval: 7}\n"
                              "  - {type: FiringRate, population: hidden}\n"
                              "  - {type: LearningRateSchedule, decay: step, factor: 0.5}\n")
    path, out = write(folder, callbacks), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out)
    files = os.listdir(os.path.join(out, "logs"))
    check(len(files) == 1 and files[0].startswith("events.out.tfevents."), files)
    version, scalars = read_events(os.path.join(out, "logs", files[0]))
    check(version == "brain.Event:2", version)
    rows = list(csv.DictReader(read(out, "history.csv").decode().splitlines()))
    for epoch, row in enumerate(rows):
        for name, text in row.items():
            if name != "epoch":
                values = [value for tag, step, value in scalars if tag == name and step == epoch]
                check(len(values) == 1 and abs(values[0] - float(text)) <= 1e-6 * abs(float(text)), name, values, text)
    alphas = [value for tag, _, value in scalars if tag == "alpha"]
    check([round(value / alphas[0], 6) for value in alphas] == [1, 0.5, 0.25], alphas)
    steps = [step for tag, step, _ in scalars if tag == "batch_loss"]
    check(steps == list(range(7, 91, 7)), steps)


@case
def a_resumed_run_cuts_its_events_back(folder):
    callbacks = CHECKPOINT + "  - {type: TensorBoard, batch_interval: 1}\n"
    path, out = write(folder, callbacks), os.path.join(folder, "run")
    run("train", path, "-q", "-o", out, "-e", "20")
    expected = read_events(glob.glob(os.path.join(out, "logs", "*"))[0])[1]
    shutil.rmtree(out)
    code, _, messages = start_and_signal(signal.SIGKILL, path, out, "-q", "-e", "20")
    check(code == -9, code, messages)
    run("train", "--resume", out, "-q")
    files = glob.glob(os.path.join(out, "logs", "*"))
    check(len(files) == 1, files)
    check(read_events(files[0])[1] == expected, "other events than those of the run that was not killed")


@case
def every_callback_can_be_named(folder):
    callbacks = """\
  - {type: BatchProgressBar, mode: lines}
  - {type: Checkpoint, epoch_interval: 2, resumable: 2, keep: 3}
  - {type: ModelCheckpoint, monitor: val_accuracy, keep: 2}
  - {type: BackupAndRestore, batch_interval: 10, delete_checkpoint: false}
  - {type: EarlyStopping, monitor: val_loss, patience: 9, baseline: 0.5, min_delta: 0.001, start_from_epoch: 1}
  - {type: ReduceLROnPlateau, monitor: loss, factor: 0.5, patience: 2, cooldown: 1, min_lr: 1e-5}
  - {type: LearningRateSchedule, param_name: beta1, decay: linear, from: 0.9, to: 0.8, length: 3}
  - {type: OptimiserParamSchedule, param_name: beta2, schedule: {type: step, from: 0.99, factor: 0.9}}
  - {type: CSVLogger, file: log.csv}
  - TensorBoard
  - terminate_on_nan
  - {type: FiringRate, population: hidden}
  - {type: SilentNeurons, population: hidden}
  - Timer
  - {type: LambdaCallback, on_epoch_end: 'echo "$RANVIER_EPOCH $RANVIER_METRICS" >> "$RANVIER_RUN/said"'}
  - {type: SpikeRecorder, population: hidden, key: s, examples: 0}
  - {type: VarRecorder, population: output, var: v, key: v, examples: 0}
validation_callbacks:
  - {type: FiringRate, population: hidden}
"""
    path, out = write(folder, callbacks), os.path.join(folder, "run")
    result = run("train", path, "-o", out)
    check("Epoch 2: 100%" in result.stderr, result.stderr)
    names = sorted(os.listdir(out))
    check(names == ["backup", "best", "checkpoint", "experiment.yaml", "history.csv", "log.csv", "logs", "plan.txt",
                    "recorded", "said", "times.csv"], names)
    said = read(out, "said").decode().splitlines()
    check(len(said) == 3 and said[1].startswith("1 loss=") and "hidden.rate=" in said[1], said)
    check(read(out, "history.csv") == read(out, "log.csv"), "log.csv is not the history")
    header = read(out, "history.csv").decode().splitlines()[0]
    check(header == "epoch,loss,accuracy,val_loss,val_accuracy,hidden.val_rate,hidden.rate,hidden.silent", header)
    times = list(csv.DictReader(read(out, "times.csv").decode().splitlines()))
    check(len(times) == 3 and all(float(row["forward"]) > 0 for row in times), times)
    rows = list(csv.DictReader(read(out, "history.csv").decode().splitlines()))
    best = max(range(3), key=lambda epoch: float(rows[epoch]["val_accuracy"]))
    check(read(out, "best", "best").decode() == f"{best}\n", best)


@case
def a_command_that_fails_ends_the_run(folder):
    callbacks = "  - {type: LambdaCallback, on_batch_end: 'test $RANVIER_BATCH -lt 5'}\n"
    path, out = write(folder, callbacks), os.path.join(folder, "run")
    result = run("train", path, "-q", "-o", out, status=1)
    check("LambdaCallback: 'test $RANVIER_BATCH -lt 5' exited with status 1" in result.stderr, result.stderr)


@case
def mistakes_are_told_at_their_lines(folder):
    line = EXPERIMENT.count("\n") + 1
    for callback, words in (
            ("{type: EarlyStopping, monitor: val_los}", "nothing is called 'val_los', expected one of: loss, accuracy"),
            ("{type: EarlyStoping}", "did you mean 'EarlyStopping'"),
            ("{type: ModelCheckpoint, mode: most}", "mode"),
            ("{type: FiringRate, population: hiden}", "hiden"),
            ("{type: LearningRateSchedule, param_name: alhpa}", "alhpa"),
            ("{type: CSVLogger, file: history.csv}", "history.csv is written in any case")):
        path = write(folder, f"  - {callback}\n")
        result = run("train", path, "-q", "-o", os.path.join(folder, "run"), status=1)
        check(words in result.stderr and f"experiment.yaml:" in result.stderr, callback, result.stderr)
        check(not os.path.exists(os.path.join(folder, "run")), "something was written")


# ---- progress


@case
def json_progress_is_one_object_per_line(folder):
    path, out = write(folder, "  - {type: BatchProgressBar, mode: json, interval: 1e-6}\n"), os.path.join(folder, "run")
    result = run("train", path, "-o", out)
    lines = [json.loads(line) for line in result.stderr.splitlines() if line.startswith("{")]
    events = [line["event"] for line in lines]
    check(events[0] == "begin" and lines[0]["epochs"] == 3 and lines[0]["batches"] == 30, lines[0])
    check(events.count("epoch") == 3 and events.count("end") == 1, events)
    batches = [line for line in lines if line["event"] == "batch"]
    check(len(batches) > 20 and {"epoch", "batch", "batches", "seconds", "metrics"} <= set(batches[0]), batches[:1])
    last = [line for line in lines if line["event"] == "epoch"][-1]
    rows = list(csv.DictReader(read(out, "history.csv").decode().splitlines()))
    check({name: float(value) for name, value in rows[-1].items() if name != "epoch"} == last["metrics"], last)


@case
def progress_can_be_chosen_on_the_command_line(folder):
    path = write(folder, "  - batch_progress_bar\n")
    result = run("train", path, "--progress", "json", "-o", os.path.join(folder, "json"))
    check('{"event": "begin", "epochs": 3, "batches": 30}' in result.stderr, result.stderr)
    result = run("train", path, "--progress", "quiet", "-o", os.path.join(folder, "quiet"))
    check("Epoch" not in result.stderr and "network 5-60-3" in result.stderr, result.stderr)
    result = run("train", path, "-p", "loud", "-o", os.path.join(folder, "loud"), status=2)
    check("--progress must be auto, lines, json or quiet, got 'loud'" in result.stderr, result.stderr)


def main():
    failed = 0
    print(f"1..{len(cases)}")
    for number, function in enumerate(cases, 1):
        title = f"{number} - {function.__name__}"
        try:
            with tempfile.TemporaryDirectory() as folder:
                function(folder)
            print(f"ok {title}", flush=True)
        except Skip as reason:
            print(f"ok {title} # SKIP {reason}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"not ok {title}")
            print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    return 1 if failed else 0


sys.exit(main())
