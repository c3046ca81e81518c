#!/usr/bin/env python3
"""Every piece of code on docs/callbacks.md is compiled and run, every experiment file is trained. Prints TAP.

A C block is a program that has a small network at hand (see PRELUDE). '...' on a line of its own separates pieces, each
of which is either at file level or inside a function; before a piece that follows callbacks, and at the end, the network
is trained with the callbacks that were declared, unless the block calls rv_train itself. Nothing may fail.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

import yin_yang

ROOT = os.environ.get("RV_SOURCE_ROOT", os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("RV_BUILD_ROOT", os.path.join(ROOT, "build"))
RANVIER = os.environ.get("RANVIER", os.path.join(BUILD, "ranvier"))
PAGE = os.path.join(ROOT, "docs", "callbacks.md")

PRELUDE = r"""
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ranvier.h>

static rv_context *context;
static rv_network *network;
static rv_population *input, *hidden, *output;
static rv_connection *input_hidden, *hidden_output;
static rv_compiled_network *model;
static rv_result *result;
static rv_spikes *spikes;
static int32_t labels[12];
static size_t num_labels = 12;
static rv_data data;

static int check(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "%d: %s\n", rc, rv_last_error(context));
        exit(1);
    }
    return rc;
}

static void set_up(void)
{
    check(rv_context_create(&context, NULL));
    check(rv_network_create(&network, context, RV_EVENTPROP_DEFAULTS));
    check(rv_population_add(&input, network,
                            &(rv_population_desc){.name = "input", .shape = {6}, .neuron = rv_spike_input()}));
    check(rv_population_add(&hidden, network, &(rv_population_desc){
        .name = "hidden", .shape = {8}, .neuron = rv_leaky_integrate_fire((rv_lif){.tau_mem = rv_const(20)})}));
    check(rv_population_add(&output, network, &(rv_population_desc){
        .name = "output", .shape = {5}, .neuron = rv_leaky_integrate((rv_li){.readout = rv_avg_var()})}));
    const rv_synapse synapse = rv_exponential((rv_exponential_params){.tau = rv_const(5)});
    check(rv_connection_add(&input_hidden, network, input, hidden, &(rv_connection_desc){
        .connectivity = rv_dense(rv_uniform(0.2, 1.6)), .synapse = synapse}));
    check(rv_connection_add(&hidden_output, network, hidden, output, &(rv_connection_desc){
        .connectivity = rv_dense(rv_normal(0, 0.4)), .synapse = synapse}));
    check(rv_compile_eventprop(&model, network, &(rv_eventprop_desc){
        .example_timesteps = 20, .batch_size = 4, .optimiser = rv_adam(0.01)}));
    check(rv_spikes_create(&spikes, context, 6));
    for (int e = 0; e < 12; e++) {
        double times[40];
        int32_t ids[40];
        for (int k = 0; k < 40; k++) {
            times[k] = (k * 7 + e * 3) % 16;
            ids[k] = (k * 5 + e) % 6;
        }
        check(rv_spikes_append(spikes, times, ids, 40));
        labels[e] = e % 5;
    }
    data = (rv_data){.inputs = {{.population = input, .spikes = spikes}},
                     .outputs = {{.population = output, .labels = labels, .num_labels = num_labels}}};
}

static void train(const rv_callback *list, size_t num)
{
    rv_result_free(result);
    check(rv_train(&result, model, &(rv_train_desc){
        .data = data, .num_epochs = 3, .callbacks = list, .num_callbacks = num,
        .validation = data, .no_validation_callbacks = true}));
}
"""

# What a snippet calls without looking at the answer must have succeeded.
CHECKS = "".join(f"#define {name}(...) check({name}(__VA_ARGS__))\n"
                 for name in ("rv_train", "rv_evaluate", "rv_compiled_network_load", "rv_metrics_get", "rv_variable_get",
                              "rv_update_variable_add", "rv_custom_update_add"))

MAIN = r"""
int main(void)
{
    set_up();
    snippet();
    rv_result_free(result);
    rv_compiled_network_free(model);
    rv_network_free(network);
    rv_spikes_free(spikes);
    rv_context_free(context);
    return 0;
}
"""

EXPERIMENT = yin_yang.experiment(150, 30, "example_timesteps: 35, keep_gradients: true", 2)


def blocks(language):
    """(heading, code) of the page's fenced blocks of a language."""
    heading, found, code = "", [], None
    for line in open(PAGE, encoding="utf-8"):
        if code is not None and line.startswith("```"):
            found.append((heading, "".join(code)))
            code = None
        elif code is not None:
            code.append(line)
        elif line.strip() == "```" + language:
            code = []
        elif line.startswith("```") and line.strip() != "```":
            pass
        elif line.startswith("#"):
            heading = line.strip("# \n")
    return found


def is_at_file_level(piece):
    text = re.sub(r"/\*.*?\*/", "", piece, flags=re.S).lstrip()
    return bool(re.match(r"(static|typedef|struct|enum|#)\b", text))


def program_of(code):
    """The C program of a block."""
    at_file, inside = [], []
    pieces = re.split(r"^\.\.\.\n", code, flags=re.M)
    names, trains, trained = [], "rv_train(" in code, False
    for piece in pieces:
        if is_at_file_level(piece):
            at_file.append(piece)
            continue
        if names and not trained and "rv_train(" not in piece:
            inside.append(training(names))
            trained = True
        elif names and not trained and "rv_train(" in piece:
            inside.append(training(names))
        inside.append(piece)
        names += re.findall(r"^rv_callback (\w+)(\[\])? =", piece, flags=re.M)
    if names and not trained and not trains:
        inside.append(training(names))
    return (PRELUDE + CHECKS + "".join(at_file) + "\nstatic void snippet(void)\n{\n" + "".join(inside) + "}\n" + MAIN)


def training(names):
    lists = [name for name, is_list in names if is_list]
    if lists:
        return f"train({lists[-1]}, sizeof {lists[-1]} / sizeof *{lists[-1]});\n"
    single = ", ".join(name for name, _ in names)
    return f"train((rv_callback[]){{{single}}}, {len(names)});\n"


def sanitizer():
    """Options that a program needs to link to a library that was built with sanitizers."""
    path = os.path.join(BUILD, "meson-info", "intro-buildoptions.json")
    options = {option["name"]: option["value"] for option in json.load(open(path))} if os.path.exists(path) else {}
    kinds = options.get("b_sanitize", "none")
    kinds = ",".join(kinds) if isinstance(kinds, list) else kinds
    return [] if kinds in ("none", "") else [f"-fsanitize={kinds}"]


def compile_and_run(code, folder):
    source, program = os.path.join(folder, "snippet.c"), os.path.join(folder, "snippet")
    with open(source, "w") as file:
        file.write(program_of(code))
    library = os.path.join(BUILD, "src")
    command = [os.environ.get("CC", "cc"), "-std=c17", "-Wall", "-Wextra", "-Werror", "-Wno-unused",
               "-Wno-unused-parameter", "-Wno-missing-field-initializers", f"-I{ROOT}/include", source, "-o", program,
               f"-L{library}", f"-Wl,-rpath,{library}", "-lranvier", "-lm", *sanitizer()]
    built = subprocess.run(command, capture_output=True, text=True)
    if built.returncode != 0:
        raise AssertionError(built.stderr + code)
    result = subprocess.run([program], cwd=folder, capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise AssertionError(f"exit status {result.returncode}: {result.stderr}\n{code}")


def train_experiment(code, folder):
    path = os.path.join(folder, "experiment.yaml")
    if not code.startswith(("callbacks:", "validation_callbacks:")):
        raise AssertionError("the block is not a list of callbacks:\n" + code)
    with open(path, "w") as file:
        file.write(EXPERIMENT + code)
    result = subprocess.run([RANVIER, "train", path, "--out", os.path.join(folder, "run")], cwd=folder,
                            capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise AssertionError(f"exit status {result.returncode}: {result.stderr}\n{code}")


def documented_classes_are_known():
    """Every class that an experiment file may name has a heading or a place in one."""
    text = subprocess.run([RANVIER, "help", "experiment"], capture_output=True, text=True).stdout
    classes = re.findall(r"^callback of type (\w+)", text, flags=re.M)
    headings = " ".join(line for line in open(PAGE, encoding="utf-8") if line.startswith("## "))
    missing = [name for name in classes if name not in headings]
    if not classes or missing:
        raise AssertionError(f"without a section: {missing or 'no class was listed'}")


def main():
    cases = []
    for language, check in (("c", compile_and_run), ("yaml", train_experiment)):
        for heading, code in blocks(language):
            cases.append((f"{language}: {heading}", lambda folder, check=check, code=code: check(code, folder)))
    cases.append(("every class of an experiment file has a section", lambda folder: documented_classes_are_known()))
    failed = 0
    print(f"1..{len(cases)}")
    for number, (title, function) in enumerate(cases, 1):
        try:
            with tempfile.TemporaryDirectory() as folder:
                function(folder)
            print(f"ok {number} - {title}", flush=True)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            failed += 1
            print(f"not ok {number} - {title}")
            print("".join(f"# {line}\n" for line in str(error).splitlines()), end="", flush=True)
    return 1 if failed else 0


sys.exit(main())
