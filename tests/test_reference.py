#!/usr/bin/env python3
"""The engine against figures that are computed here, through the program that `make golden` runs.

Random case folders (tests/reference/generate.py) must pass, folders with one number changed must not, damaged ones
must fail with a message, and the recorded figures must pass where they are at hand (RV_SHARED, or ../shared).
"""
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

ROOT = os.environ.get("RV_SOURCE_ROOT") or os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GOLDEN = os.path.join(os.environ.get("RV_BUILD_ROOT") or os.path.join(ROOT, "build"), "tests", "golden")
SHARED = os.environ.get("RV_SHARED") or os.path.join(ROOT, "..", "shared")

try:
    import numpy as np
except ImportError:
    print("1..0 # SKIP numpy is not installed")
    sys.exit(0)

sys.path.insert(0, os.path.join(ROOT, "tests", "reference"))
from case import Case  # noqa: E402
from eprop import EPROP, generate_eprop  # noqa: E402
from generate import EVENTPROP, INFERENCE, generate  # noqa: E402

# Recorded figures of what the library has; the others may be skipped until it has them too.
RECORDED = """fwd_delay_recurrent fwd_lif_eprop_delta fwd_lif_eventprop fwd_lif_refrac_absolute
    fwd_lif_relative_reset_level fwd_readout_avg_var fwd_readout_avg_var_exp_weight fwd_readout_max_var
    fwd_readout_spike_count fwd_readout_sum_var fwd_readout_var grad_avg_var grad_exp_weight_recurrent grad_fine_dt
    grad_fixed_delay grad_learn_delay grad_max_var grad_regularised grad_sum_var grad_unequal_taus""".split()

count = 0


def report(name, good, *detail):
    global count
    count += 1
    print(f"{'ok' if good else 'not ok'} {count} - {name}")
    if not good:
        for line in detail:
            print(f"# {line}")
    sys.stdout.flush()


def run_golden(folder):
    """Exit status, case -> its line, and all output."""
    done = subprocess.run([GOLDEN, folder], capture_output=True, text=True, errors="replace", timeout=250)
    lines = {line.split()[1]: line for line in done.stdout.splitlines() if line.startswith(("PASS ", "FAIL ", "SKIP "))}
    return done.returncode, lines, done.stdout + done.stderr


def generated_cases_pass(folder):
    for seed in (1, 2):
        for compiler, recipes in (("InferenceCompiler", INFERENCE), ("EventPropCompiler", EVENTPROP)):
            for recipe in recipes:
                name = f"{'fwd' if compiler == 'InferenceCompiler' else 'grad'}_{recipe}_{seed}"
                generate(compiler, recipe, seed).save(os.path.join(folder, name), f"generated: {recipe}, seed {seed}")
        for recipe in EPROP:
            case = generate_eprop(recipe, seed)
            case.save(os.path.join(folder, f"eprop_{recipe}_{seed}"), f"generated: {recipe}, seed {seed}")
    status, lines, output = run_golden(folder)
    for name in sorted(os.listdir(folder)):
        line = lines.get(name, f"no line of {name}; exit status {status}\n{output[-500:]}")
        report(f"generated_{name}_passes", line.startswith("PASS "), line)
    report("exit_status_is_0_if_all_pass", status == 0, f"exit status {status}")


# ---- the runner can fail -------------------------------------------------------------------------------------------


def weight_changed(case):
    name = case.connections[0]["connectivity"]["weight"]["array"]
    case.arrays[name] = case.arrays[name] * np.float32(1.01)


def voltage_changed(case):
    name = next(name for name in case.arrays if name.endswith("_V") or "_V_" in name)
    case.arrays[name].flat[np.abs(case.arrays[name]).argmax()] *= 1.01


def spike_moved(case):
    name = next(n for n in case.arrays if "hid_spike_times_" in n and case.arrays[n].size)
    case.arrays[name][-1] += case.dt


def spike_of_another_neuron(case):
    name = next(n for n in case.arrays if "hid_spike_ids_" in n and case.arrays[n].size)
    case.arrays[name][0] += 1


def spike_missing(case):
    for what in "times", "ids":
        name = next(n for n in case.arrays if f"hid_spike_{what}_" in n and case.arrays[n].size)
        case.arrays[name] = case.arrays[name][:-1]


def readout_changed(case):
    case.arrays["readout"][0, 0] += 0.01


def gradient_changed(case):
    name = next(name for name in case.arrays if "_Gradient_" in name)
    case.arrays[name] = case.arrays[name] * np.float32(1.001)


def adjoint_in_wrong_order(case):
    name = next(name for name in case.arrays if "hid_LambdaV_backward_" in name)
    case.arrays[name] = case.arrays[name][::-1].copy()


def label_changed(case):
    case.arrays["labels"][0] = (case.arrays["labels"][0] + 1) % case.size(case.outputs()[0])


def array_of_nothing(case):
    case.arrays["nobody_V_0"] = np.zeros((case.T, 3), np.float32)


FORWARD_CHANGES = weight_changed, voltage_changed, spike_moved, spike_of_another_neuron, spike_missing, readout_changed
GRADIENT_CHANGES = weight_changed, gradient_changed, adjoint_in_wrong_order, label_changed, spike_moved, array_of_nothing


def changed_figures_fail(folder):
    for compiler, changes in (("InferenceCompiler", FORWARD_CHANGES), ("EventPropCompiler", GRADIENT_CHANGES)):
        for change in changes:
            case = generate(compiler, "lif_defaults" if compiler == "InferenceCompiler" else "avg_var", 3)
            change(case)
            case.save(os.path.join(folder, f"{compiler}_{change.__name__}"), "one number changed")
    status, lines, output = run_golden(folder)
    for name in sorted(os.listdir(folder)):
        line = lines.get(name, output[-500:])
        report(f"{name}_fails", line.startswith("FAIL "), line)
    report("exit_status_is_1_if_one_fails", status == 1, f"exit status {status}")


# ---- what the engine does not have, and what nobody has ------------------------------------------------------------


def unknown_things_are_skipped_by_name(folder):
    def neuron(case):
        case.populations["hid"]["neuron"]["type"] = "NoSuchNeuron"

    def readout(case):
        case.populations["out"]["readout"] = "NoSuchReadout"

    def connectivity(case):
        case.connections[0]["connectivity"]["type"] = "NoSuchConnectivity"

    def parameter(case):
        case.populations["hid"]["neuron"]["NoSuchParameter"] = 3.0

    def option(case):
        case.params["NoSuchOption"] = 3.0

    def loss(case):
        case.params["loss"] = {"type": "NoSuchLoss", "delta": 1.0}

    def variable(case):
        case.arrays["hid_NoSuchVariable_0"] = np.zeros((case.T, case.size("hid")), np.float32)

    things = neuron, readout, connectivity, parameter, option, loss, variable
    for thing in things:
        case = generate("EventPropCompiler", "avg_var", 3)
        thing(case)
        case.save(os.path.join(folder, thing.__name__), "asks for what nobody has")
    status, lines, output = run_golden(folder)
    for thing in things:
        line = lines.get(thing.__name__, output[-500:])
        wanted = f"NoSuch{thing.__name__.capitalize()}"
        report(f"unknown_{thing.__name__}_is_skipped_by_name", line.startswith("SKIP ") and wanted in line, line)
    report("exit_status_is_0_if_some_are_skipped", status == 0, f"exit status {status}")


def damaged_folders_fail_with_a_message(folder):
    """Nothing in a case folder may crash the runner: one line a case, whatever the bytes are."""
    source, rng = os.path.join(folder, "..", "whole"), random.Random(1)
    generate("EventPropCompiler", "avg_var", 3).save(source, "to be damaged")
    replacements = ["null", "-1", "1e400", "0", "[]", "{}", '"x"', "99999999999999999999", "1e9", "true", "[1e300]"]
    for i in range(120):
        target = os.path.join(folder, f"damaged_{i:03}")
        shutil.copytree(source, target)
        name = rng.choice(["case.json"] * 3 + sorted(os.listdir(target)))
        path = os.path.join(target, name)
        with open(path, "rb") as file:
            data = bytearray(file.read())
        if name == "case.json" and i % 2:
            text = json.loads(data)
            damage_json(text["params"], rng, replacements)
            data = json.dumps(text).replace('"@0"', replacements[i % len(replacements)]).encode()
        elif i % 3 == 0:
            data = data[:rng.randrange(len(data))]
        else:
            data[rng.randrange(min(len(data), 200))] = rng.randrange(256)
        with open(path, "wb") as file:
            file.write(data)
    status, lines, output = run_golden(folder)
    report("damaged_folders_end_in_one_line_each", status in (0, 1) and len(lines) == 120,
           f"exit status {status}, {len(lines)} lines", output[-500:])


def damage_json(node, rng, replacements):
    """Puts a marker in place of one value somewhere below node."""
    while True:
        keys = list(node.keys() if isinstance(node, dict) else range(len(node)))
        key = rng.choice(keys)
        if isinstance(node[key], (dict, list)) and node[key] and rng.random() < 0.8:
            node = node[key]
        else:
            node[key] = "@0"
            return


def a_folder_that_is_not_there_is_exit_status_2(folder):
    status, _, output = run_golden(os.path.join(folder, "missing"))
    report("a_missing_folder_is_exit_status_2", status == 2 and "missing" in output, f"exit status {status}: {output}")
    status, _, output = run_golden(folder)
    report("a_folder_without_cases_is_exit_status_2", status == 2 and output.strip(), f"exit status {status}: {output}")


def recorded_figures_pass():
    folder = os.path.join(SHARED, "golden")
    if not os.path.isdir(folder):
        global count
        count += 1
        print(f"ok {count} - recorded_figures_pass # SKIP there is no golden/ in RV_SHARED or ../shared")
        return
    status, lines, output = run_golden(folder)
    for name in sorted(lines):
        wanted = ("PASS ",) if name in RECORDED else ("PASS ", "SKIP ")
        report(f"recorded_{name}", lines[name].startswith(wanted), lines[name])
    missing = [name for name in RECORDED if name not in lines]
    report("recorded_figures_exit_status_is_0", status == 0 and not missing, output[-500:], f"no line of {missing}")


def main():
    with tempfile.TemporaryDirectory(prefix="ranvier-reference-") as top:
        for check in (generated_cases_pass, changed_figures_fail, unknown_things_are_skipped_by_name,
                      damaged_folders_fail_with_a_message, a_folder_that_is_not_there_is_exit_status_2):
            folder = os.path.join(top, check.__name__, "cases")
            os.makedirs(folder)
            check(folder)
    recorded_figures_pass()
    print(f"1..{count}")


main()
