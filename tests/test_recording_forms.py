#!/usr/bin/env python3
"""Recorders as mlGeNN's documentation writes them, by its names and in every form of filter, held against NumPy's
indexing of what was recorded as a whole. Prints TAP."""
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import yin_yang

RANVIER = os.environ.get("RANVIER", "build/ranvier")
FAST = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # runs write many small files
SHAPE, EPOCHS, EXAMPLES, STEPS = (4, 3, 2), 2, 24, 35  # the last fifth of 30 examples validates
IDS = np.arange(24).reshape(SHAPE)
EXPERIMENT = yin_yang.experiment(30, list(SHAPE), f"example_timesteps: {STEPS}", EPOCHS)

cases = []


def case(function):
    cases.append(function)
    return function


def check(condition, *details):
    if not condition:
        raise AssertionError("\n".join(str(detail) for detail in details))


def train(folder, *callbacks):
    """(status, messages, arrays by name)"""
    path, out = os.path.join(folder, "forms.yaml"), os.path.join(folder, "run")
    with open(path, "w") as file:
        file.write(EXPERIMENT + "callbacks:\n" + "".join(f"  - {callback}\n" for callback in callbacks))
    shutil.rmtree(out, ignore_errors=True)
    result = subprocess.run([RANVIER, "train", path, "-q", "-o", out], capture_output=True, text=True, timeout=60)
    recorded = os.path.join(out, "recorded")
    names = os.listdir(recorded) if os.path.exists(recorded) else []
    return result.returncode, result.stderr, {name[:-4]: np.load(os.path.join(recorded, name)) for name in names}


def record(folder, *callbacks):
    status, messages, arrays = train(folder, *callbacks)
    check(status == 0, callbacks, messages)
    return arrays


def refused(folder, callback, *parts):
    status, messages, _ = train(folder, callback)
    check(status == 1 and len(messages.splitlines()) == 1, callback, status, messages)
    check(all(part in messages for part in parts), callback, messages)


def spikes(arrays, key):
    offsets = arrays[f"{key}-offsets"]
    return [(arrays[f"{key}-times"][a:b], arrays[f"{key}-ids"][a:b]) for a, b in zip(offsets, offsets[1:])]


WHOLE = ("{type: VarRecorder, pop: hidden, var: v, key: v}", "{type: SpikeRecorder, pop: hidden, key: s}",
         "{type: SpikeRecorder, pop: hidden, key: c, record_counts: true}",
         "{type: ConnVarRecorder, conn: Conn_input_hidden, genn_var: g, key: g}")


@case
def shapes_keys_times_and_ids_are_the_documented_ones(folder):
    whole = record(folder, *WHOLE, "{type: SpikeRecorder, pop: input}")
    check(whole["v-values"].shape == (EPOCHS * EXAMPLES, STEPS, 24), whole["v-values"].shape)
    check(whole["g-values"].shape == (EPOCHS * EXAMPLES, STEPS, 5, 24), whole["g-values"].shape)
    check(whole["c-values"].shape == (EPOCHS * EXAMPLES, 24), whole["c-values"].shape)
    for key in ("v", "s", "c", "g", "4"):  # without a key it is the place in the list
        check((whole[f"{key}-epochs"] == np.repeat(np.arange(EPOCHS), EXAMPLES)).all(), key)
        check((whole[f"{key}-examples"] == np.tile(np.arange(EXAMPLES), EPOCHS)).all(), key)
    check(whole["s-times"].dtype == np.float64 and whole["s-ids"].dtype == np.int32, "types of spikes")
    for (times, ids), counts, v in zip(spikes(whole, "s"), whole["c-values"], whole["v-values"]):
        order = np.lexsort((ids, times))
        check((order == np.arange(len(ids))).all() and (times == np.round(times)).all(), "spikes are not sorted")
        check((np.bincount(ids, minlength=24) == counts).all(), "counts are not those of the spikes")
        check((v[times.astype(int), ids] == 0).all(), "a neuron that has spiked is not reset")


NEURONS = {
    "5": [5], "-1": [23], "[5, 3, 5, -1]": [3, 5, 23], '"2::5"': np.arange(24)[2::5], '"::-3"': np.arange(24)[::-3],
    "all": np.arange(24), '"20:100"': [20, 21, 22, 23], "[]": [],
    "[" + ", ".join("true" if i % 7 == 0 else "false" for i in range(24)) + "]": np.arange(0, 24, 7),
    "{axes: [3]}": IDS[3], '{axes: ["1:3"]}': IDS[1:3], "{axes: [[0, 2], [1, 1]]}": IDS[[0, 2], [1, 1]],
    '{axes: [all, 1, "::-1"]}': IDS[:, 1, ::-1], '{axes: ["::2", [0, 2], 1]}': IDS[::2, [0, 2], 1],
    "{axes: [[true, false, true, false]]}": IDS[[True, False, True, False]],
}


@case
def neuron_filters_select_what_numpy_selects(folder):
    whole = record(folder, *WHOLE)
    for text, selected in NEURONS.items():
        ids = np.sort(np.array(selected, int).ravel())
        for name in ("neuron_filter", "neurons"):
            part = record(folder, *(callback[:-1] + f", {name}: {text}}}" for callback in WHOLE[:3]))
            if len(ids) == 0:  # an empty selection yields nothing, of the right shape
                check(part["v-values"].shape == (0, STEPS, 0) and part["c-values"].shape == (0, 0) and
                      part["s-offsets"].tolist() == [0], {k: v.shape for k, v in part.items()})
                continue
            check(np.array_equal(part["v-values"], whole["v-values"][:, :, ids]), text)
            check(np.array_equal(part["c-values"], whole["c-values"][:, ids]), text)
            for (times, got), (all_times, all_ids) in zip(spikes(part, "s"), spikes(whole, "s")):
                kept = np.isin(all_ids, ids)
                check(np.array_equal(got, all_ids[kept]) and np.array_equal(times, all_times[kept]), text)


@case
def filters_of_examples_sources_and_targets_select_what_numpy_selects(folder):
    whole = record(folder, *WHOLE)
    mask = "[" + ", ".join("true" if i in (2, 20) else "false" for i in range(30)) + "]"
    for text, examples in (("3", [3]), ("[1, 23, -8]", [1, 22, 23]), ('":10:3"', [0, 3, 6, 9]), (mask, [2, 20])):
        for name in ("example_filter", "examples"):
            part = record(folder, f"{{type: VarRecorder, pop: hidden, genn_var: V, key: v, {name}: {text}}}",
                          f"{{type: ConnVarRecorder, conn: Conn_input_hidden, genn_var: g, key: g, {name}: {text}, "
                          'src_neuron_filter: "::2", trg_neuron_filter: {axes: [[0, 1], [2, 0]]}}')
            chosen = np.isin(whole["v-examples"], examples)
            check(part["v-examples"].tolist() == examples * EPOCHS, text, part["v-examples"])
            check(np.array_equal(part["v-values"], whole["v-values"][chosen]), text)
            ids = np.sort(IDS[[0, 1], [2, 0]].ravel())
            check(np.array_equal(part["g-values"], whole["g-values"][chosen][:, :, ::2][:, :, :, ids]), text)
    none = record(folder, "{type: VarRecorder, pop: hidden, var: v, key: v, example_filter: []}")
    check(none["v-values"].shape == (0, STEPS, 24), none["v-values"].shape)


@case
def var_wins_and_one_of_the_two_is_required(folder):
    both = record(folder, "{type: VarRecorder, pop: hidden, var: v, genn_var: RefracTime, key: a}", WHOLE[0])
    check(np.array_equal(both["a-values"], both["v-values"]), "var does not win")
    refused(folder, "{type: VarRecorder, pop: hidden}", "neither var nor genn_var is given")


@case
def what_selects_nothing_sensible_is_refused_with_what_was_expected(folder):
    for text, message in (("24", "index 24 is out of range, expected -24 to 23"), ("1000", "index 1000 is out of range"),
                          ("{axes: [0, 0, 0, 0]}", "4 axes, expected at most 3"), ("x", "got 'x'"),
                          ("{axes: [[0, 1], [0, 1, 2]]}", "cannot be paired"), ("[true, false]", "expected 24"),
                          ('"a:b"', "expected a slice"), ('"1:2:0"', "must not be 0")):
        refused(folder, f"{{type: VarRecorder, pop: hidden, var: v, neuron_filter: {text}}}", "neurons", message)
    refused(folder, "{type: VarRecorder, pop: hidden, var: v, example_filter: 30}", "examples: index 30")
    refused(folder, "{type: SpikeRecorder, pop: hidden, population: hidden}",
            "'population' is given twice, as 'population' and as 'pop'")
    refused(folder, "{type: SpikeRecorder, neuron_filter: 3}", "needs the key 'population'")


@case
def other_callbacks_take_mlgenns_names_too(folder):
    plain = record(folder, WHOLE[0])
    schedule = "{type: OptimiserParamSchedule, param_name: alpha, func: {type: step, from: 0.5, factor: 0.5}}"
    check(not np.array_equal(record(folder, WHOLE[0], schedule)["v-values"], plain["v-values"]), "func does nothing")
    reset = "{type: CustomUpdateOnTimestepBegin, name: Reset, filter_fn: %s}"
    for steps, same in (("10", False), ('"1000:"', True)):
        values = record(folder, WHOLE[0], reset % steps)["v-values"]
        check(np.array_equal(values, plain["v-values"]) == same, f"filter_fn: {steps}")


def main():
    failed = 0
    print(f"1..{len(cases)}")
    for number, function in enumerate(cases, 1):
        folder = tempfile.mkdtemp(dir=FAST)
        try:
            function(folder)
            print(f"ok {number} - {function.__name__}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"not ok {number} - {function.__name__}")
            print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    return failed > 0


sys.exit(main())
