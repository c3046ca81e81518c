"""Random case folders with figures computed by forward.py and adjoint.py.

A recipe names what is special about a case; everything else (sizes, weights, constants, inputs) is drawn. A draw is
kept only if float32 can follow it: no voltage within MARGIN of its threshold, no spike whose I - V is so small that the
gradient would amplify rounding, and with neither silence nor saturation.
"""
import numpy as np

from adjoint import learn_batch
from case import Case
from forward import readout, simulate

MARGIN = 2e-5
MIN_SLOPE = 0.05
EQUAL_TAU = 12.0
DTS = (0.25, 0.5, 1.0, 2.0)

# name: options of Draft, see there
INFERENCE = {
    "lif_defaults": {},
    "lif_absolute_hold": dict(refrac=True, relative_reset=False, integrate=False, v_reset=-0.3),
    "lif_absolute_integrate": dict(refrac=True, relative_reset=False, integrate=True, v_reset=0.2),
    "lif_relative_hold": dict(refrac=True, relative_reset=True, integrate=False, v_reset=0.1),
    "lif_relative_integrate": dict(refrac=True, relative_reset=True, integrate=True, v_reset=-0.1),
    "lif_uneven_refrac": dict(refrac=2.75, relative_reset=True, integrate=False, dt=0.1),
    "delta_unscaled": dict(synapse="Delta", scale=False, relative_reset=True, integrate=True),
    "unscaled_exponential": dict(scale=False),
    "start_and_bias": dict(start=True, bias=True, readout="MaxVar"),
    "per_neuron": dict(per_neuron=True, refrac=True, integrate=True, readout="Var"),
    "several_taus": dict(taus=True, recurrent=True, two_inputs=True, readout="SumVar"),
    "mixed_synapses": dict(taus=True, mixed=True, recurrent=True),
    "deep_and_skip": dict(deep=True, readout="AvgVarExpWeight"),
    "spiking_output": dict(spiking_output=True, readout="SpikeCount"),
    "two_outputs": dict(two_outputs=True, readout="MaxVar"),
    "fine_dt": dict(dt=0.05, T=400),
    "one_delay": dict(delays="one", recurrent=True),
    "delays": dict(delays="many", recurrent=True, deep=True),
    "no_spikes": dict(silent=True),
    "one_step": dict(T=1, silent=True),
    "one_neuron_each": dict(small=True),
    "if": dict(neuron="IntegrateFire", synapse="Delta"),
    "if_per_neuron": dict(neuron="IntegrateFire", per_neuron=True, start=True, recurrent=True, taus=True, two_inputs=True),
    "alif": dict(neuron="AdaptiveLeakyIntegrateFire", recurrent=True, relative_reset=True, integrate=True),
    "alif_absolute_hold": dict(neuron="AdaptiveLeakyIntegrateFire", refrac=True, v_reset=-0.2, start=True, mixed=True,
                               taus=True, recurrent=True),
    "alif_per_neuron": dict(neuron="AdaptiveLeakyIntegrateFire", per_neuron=True, refrac=True, integrate=True),
    "if_input": dict(input="IntegrateFireInput", per_neuron=True, v_reset=-0.1),
    "lif_input": dict(input="LeakyIntegrateFireInput", per_neuron=True, refrac=True, integrate=True),
    "if_input_frames": dict(input="IntegrateFireInput", frames=(4, 7), T=60, start=True),
    "lif_input_frames": dict(input="LeakyIntegrateFireInput", frames=(7, 1), refrac=True, relative_reset=True),
    "frames_beyond_the_end": dict(input="LeakyIntegrateFireInput", frames=(9, 10), T=35),
    "binary_input": dict(input="BinarySpikeInput", two_inputs=True),
    "binary_input_frames": dict(input="BinarySpikeInput", frames=(40, 1), two_inputs=True, taus=True),
    "signed_spikes": dict(input="BinarySpikeInput", frames=(30, 1), signed=True, two_inputs=True, taus=True, deep=True),
    "signed_delays": dict(input="BinarySpikeInput", frames=(30, 2), signed=True, delays="many", recurrent=True),
}
EVENTPROP = {
    "avg_var": {},
    "exp_weight_recurrent": dict(readout="AvgVarExpWeight", recurrent=True),
    "sum_var": dict(readout="SumVar"),
    "max_var_recurrent": dict(readout="MaxVar", recurrent=True),
    "reset_level": dict(v_reset=-0.4, recurrent=True),
    "equal_taus": dict(equal_taus=True, recurrent=True),
    "alif": dict(neuron="AdaptiveLeakyIntegrateFire", recurrent=True, v_reset=-0.3, start=True),
    "alif_relative_reset": dict(neuron="AdaptiveLeakyIntegrateFire", recurrent=True, relative_reset=True, v_reset=0.1),
    "alif_per_neuron": dict(neuron="AdaptiveLeakyIntegrateFire", per_neuron=True, deep=True, regularise=True, batch_size=2),
    "synapse_slower_than_membrane": dict(slow_synapse=True),
    "several_taus": dict(taus=True, recurrent=True, two_inputs=True, deep=True),
    "deep_and_skip": dict(deep=True, recurrent=True, readout="AvgVarExpWeight"),
    "two_outputs": dict(two_outputs=True, recurrent=True),
    "per_neuron": dict(per_neuron=True, recurrent=True),
    "start_and_bias": dict(start=True, bias=True),
    "temperature": dict(temperature=0.07),
    "regularised": dict(regularise=True, recurrent=True),
    "refractory": dict(refrac=True, recurrent=True),
    "fine_dt": dict(dt=0.1, T=300, recurrent=True),
    "wide": dict(wide=True, recurrent=True),
    "one_delay": dict(delays="one", recurrent=True),
    "delays": dict(delays="many", recurrent=True, deep=True),
    "learnt_delays": dict(delays="learnt", recurrent=True),
    "learnt_delays_batch": dict(delays="learnt", recurrent=True, batch_size=3, examples=5, regularise=True, taus=True),
    "batch": dict(batch_size=3, examples=6, recurrent=True),
    "batch_short_last": dict(batch_size=4, examples=7, recurrent=True, readout="SumVar"),
    "batch_regularised": dict(batch_size=4, examples=6, recurrent=True, regularise=True, deep=True),
    "batch_larger_than_data": dict(batch_size=8, examples=3, regularise=True),
    "square_error": dict(loss="mean_square_error", readout="Var", recurrent=True),
    "square_error_batch": dict(loss="mean_square_error", batch_size=3, examples=5, deep=True),
    "per_timestep": dict(per_timestep=True, recurrent=True, temperature=0.3),
    "first_spikes": dict(spiking_output=True, readout="FirstSpikeTime", recurrent=True, temperature=3.0),
    "first_spikes_batch": dict(spiking_output=True, readout="FirstSpikeTime", batch_size=4, examples=6, deep=True,
                               ttfs_alpha=5.0, v_reset=-0.2),
    "first_spikes_delays": dict(spiking_output=True, readout="FirstSpikeTime", delays="learnt", regularise=True),
    "first_spikes_relative": dict(spiking_output=True, readout="FirstSpikeTime", recurrent=True, batch_size=2,
                                  loss={"type": "RelativeMeanSquareError", "delta": 3.5}),
    "lif_input": dict(input="LeakyIntegrateFireInput", frames=(5, 8), recurrent=True),
    "signed_spikes": dict(input="BinarySpikeInput", frames=(30, 1), signed=True, recurrent=True),
    "signed_delay": dict(input="BinarySpikeInput", frames=(30, 2), signed=True, delays="one", batch_size=3, examples=5),
    "signed_delays": dict(input="BinarySpikeInput", frames=(30, 1), signed=True, delays="many", batch_size=3, examples=5),
}


def generate(compiler, recipe, seed):
    """A Case with its expected arrays, the same for the same arguments."""
    options = {"InferenceCompiler": INFERENCE, "EventPropCompiler": EVENTPROP}[compiler][recipe]
    for attempt in range(300):
        case = Draft(compiler, options, np.random.default_rng([seed, attempt, len(recipe), *recipe.encode()])).case()
        if settle(case, options):
            expect(case)
            return case
    raise RuntimeError(f"no good draw for {compiler} {recipe} {seed}")


class Draft:
    """One random draw."""

    def __init__(self, compiler, options, rng):
        self.options, self.rng, self.eventprop = options, rng, compiler == "EventPropCompiler"
        self.arrays = {}
        self.dt = options.get("dt") or float(rng.choice(DTS))
        self.params = {
            "compiler": compiler, "timesteps": options.get("T") or int(rng.integers(30, 80)), "dt": self.dt,
            "batch_size": options.get("batch_size", 1), "n_examples": options.get("examples", 3),
        }
        if self.eventprop:
            regularise = options.get("regularise")
            self.params |= {
                "loss": options.get("loss", "sparse_categorical_crossentropy"), "ttfs_alpha": options.get("ttfs_alpha", 0.01),
                "softmax_temperature": options.get("temperature", 1.0),
                "reg_lambda_upper": 2e-3 if regularise else 0.0, "reg_lambda_lower": 7e-4 if regularise else 0.0,
                "reg_nu_upper": 2.5 if regularise else 0.0, "learn_delays": [],
                "per_timestep_loss": options.get("per_timestep", False),
            }
        sizes = (1, 2) if options.get("small") else (270, 300) if options.get("wide") else (5, 25)
        self.size = lambda: int(rng.integers(*sizes))

    def uniform(self, low, high):
        return round(float(self.rng.uniform(low, high)), 3)

    def case(self):
        o = self.options
        inputs = ["stimulus", "cue_2"] if o.get("two_inputs") else ["stimulus"]
        hidden = ["hid_a", "hid_b"] if o.get("deep") else ["hid"]
        outputs = ["out", "side"] if o.get("two_outputs") else ["out"]
        populations = [self.population(name, self.input(name), None) for name in inputs]
        populations += [self.population(name, self.spiking(name, o.get("neuron")), None) for name in hidden]
        kinds = [o.get("readout", "AvgVar"), "AvgVarExpWeight"]
        populations += [self.population(name, self.spiking(name) if o.get("spiking_output") else self.li(), kind)
                        for name, kind in zip(outputs, kinds)]
        size = {p["name"]: int(np.prod(p["shape"])) for p in populations}
        pairs = [(i, hidden[0]) for i in inputs] + list(zip(hidden, hidden[1:]))
        pairs += [(h, h) for h in hidden if o.get("recurrent")] + [(hidden[-1], out) for out in outputs]
        pairs += [(inputs[0], outputs[0])] if o.get("deep") else []
        self.params["network"] = {"populations": populations, "connections": [self.connection(p, size) for p in pairs]}
        if o.get("delays") == "learnt":
            self.params["learn_delays"] = [f"{source}_{target}" for source, target in pairs[:2]]
        for i, p in zip(inputs, populations):
            add = self.add_input if p["neuron"]["type"] == "SpikeInput" else self.add_values
            add(i if len(inputs) > 1 else "in", size[i])
        if self.eventprop:
            for out in outputs:
                labels = self.rng.integers(0, size[out], self.params["n_examples"])
                self.arrays["labels" if len(outputs) == 1 else f"{out}_labels"] = labels.astype(np.int32)
            if o.get("loss") == "mean_square_error":
                shape = self.params["n_examples"], self.params["timesteps"], size["out"]
                self.arrays["targets"] = self.rng.normal(0.2, 0.5, shape).astype(np.float32)
        return Case(self.params, self.arrays)

    def population(self, name, neuron, kind):
        shape = [self.size(), 2] if self.rng.random() < 0.2 and not self.options.get("small") else [self.size()]
        return {"name": name, "shape": shape, "neuron": self.filled(name, neuron, shape), "readout": kind}

    def filled(self, name, neuron, shape):
        """With arrays for the constants that differ from neuron to neuron."""
        for key, value in neuron.items():
            if callable(value):
                self.arrays[f"{name}.{key}"] = value(int(np.prod(shape))).astype(np.float32)
                neuron[key] = {"array": f"{name}.{key}"}
        return neuron

    def tau_mem(self):
        return EQUAL_TAU if self.options.get("equal_taus") else self.uniform(8, 25)

    def spiking(self, name, kind=None):
        """The parameters that a model of this name has."""
        o, kind = self.options, kind or "LeakyIntegrateFire"
        leaks, adapts, tau_refrac = kind.startswith(("Leaky", "Adaptive")), kind.startswith("Adaptive"), o.get("refrac")
        neuron = {"type": kind, "v_thresh": self.uniform(0.5, 1.5), "v_reset": o.get("v_reset", 0.0),
                  "v": self.uniform(-0.3, 0.3) if o.get("start") else 0.0}
        if leaks:
            neuron |= {
                "tau_mem": self.tau_mem(), "tau_refrac": tau_refrac if tau_refrac is not True else 3 * self.dt,
                "relative_reset": o.get("relative_reset", False), "integrate_during_refrac": o.get("integrate", False),
            }
        if adapts:
            neuron |= {"a": self.uniform(0, 1) if o.get("start") else 0.0, "beta": self.uniform(0.05, 0.3),
                       "tau_adapt": self.uniform(20, 200)}
        if leaks:
            neuron["scale_i"] = o.get("scale", True)
        if o.get("per_neuron") and not name.startswith("out"):
            ranges = {"v_thresh": (0.6, 1.3), "v_reset": (-0.2, 0.2), "tau_mem": (8, 25), "beta": (0.05, 0.3),
                      "tau_adapt": (20, 200)}
            for key in ranges.keys() & neuron.keys():
                neuron[key] = lambda n, key=key: self.rng.uniform(*ranges[key], n)
        return neuron

    def input(self, name):
        kind = self.options.get("input", "SpikeInput")
        if kind == "SpikeInput":
            return {"type": kind}
        signed = {"signed_spikes": bool(self.options.get("signed"))}
        neuron = signed | {"type": kind} if kind == "BinarySpikeInput" else self.spiking(name, kind)
        frames, timesteps = self.options.get("frames", (1, 1))
        return neuron | {"input_frames": frames, "input_frame_timesteps": timesteps}

    def li(self):
        o = self.options
        return {"type": "LeakyIntegrate", "bias": self.uniform(-0.1, 0.1) if o.get("bias") else 0.0,
                "v": self.uniform(-0.5, 0.5) if o.get("start") else 0.0, "tau_mem": self.tau_mem(),
                "scale_i": o.get("scale", True)}

    def connection(self, pair, size):
        o, (source, target) = self.options, pair
        name = f"w.{source}.{target}"
        self.arrays[name] = self.rng.normal(0.0 if source == target else 0.6, 1.0, (size[source], size[target]))
        synapse = {"type": o.get("synapse", "Exponential")}
        if o.get("mixed") and source == target:
            synapse = {"type": "Delta"}
        if synapse["type"] == "Exponential":
            synapse |= {"tau": self.tau_syn(pair), "scale_i": o.get("scale", True)}
        connectivity = {"type": "Dense", "delay": self.delay(pair, size), "weight": {"array": name}}
        return {"source": source, "target": target, "synapse": synapse, "connectivity": connectivity}

    def delay(self, pair, size):
        """In timesteps; those that are learnt are fractions."""
        kind, shape = self.options.get("delays"), (size[pair[0]], size[pair[1]])
        if kind is None or pair[1] == "out":
            return 0
        if kind == "one":
            return 3
        delays = self.rng.integers(0, 10, shape) if kind == "many" else self.rng.uniform(0, 9, shape)
        self.arrays[f"d.{pair[0]}.{pair[1]}"] = delays.astype(np.float32)
        return {"array": f"d.{pair[0]}.{pair[1]}"}

    def tau_syn(self, pair):
        """One time constant for all, unless the recipe wants several."""
        if self.options.get("equal_taus"):
            return EQUAL_TAU
        if self.options.get("taus"):
            return {"cue_2": 3.5, "stimulus": 5.0}.get(pair[0], 7.25)
        return 30.0 if self.options.get("slow_synapse") else 5.0

    def add_values(self, prefix, n):
        """Some are 0, which BinarySpikeInput takes for silence, with either sign."""
        frames = self.options.get("frames", (1, 1))[0]
        shape = (self.params["n_examples"], n) if frames == 1 else (self.params["n_examples"], frames, n)
        values = self.rng.normal(0.2, 0.5, shape) * (self.rng.random(shape) < 0.7)
        if self.options["input"] == "LeakyIntegrateFireInput":
            values *= 6
        self.arrays[f"{prefix}_values"] = np.where(self.rng.random(shape) < 0.05, -0.0, values).astype(np.float32)

    def add_input(self, prefix, n):
        """Mostly off the grid of timesteps, some spikes doubled within a step, some beyond the example's end."""
        T = self.params["timesteps"]
        for e in range(self.params["n_examples"]):
            num = int(self.rng.poisson(6 * n if not self.options.get("wide") else 0.4 * n)) + 1
            times = self.rng.uniform(0, T * self.dt, num)
            times[::3] = np.floor(times[::3] / self.dt) * self.dt
            ids = self.rng.integers(0, n, num)
            times[-1], ids[-1] = times[0], ids[0]
            order = np.argsort(times.astype(np.float32), kind="stable")
            self.arrays[f"{prefix}_times_{e}"] = times[order].astype(np.float32)
            self.arrays[f"{prefix}_ids_{e}"] = ids[order].astype(np.int32)


def settle(case, options):
    """Scales the weights until the hidden neurons spike a few times; False if the draw is no good."""
    base = [case.value(c["connectivity"]["weight"]) for c in case.connections]
    stateful = [name for name, p in case.populations.items() if "v_thresh" in p["neuron"]]
    spiking = [name for name in stateful if name not in case.inputs()]
    gain = {c["target"]: 1e-3 if options.get("silent") else 1 / np.sqrt(case.size(c["source"])) for c in case.connections}
    for _ in range(30):
        for c, weight in zip(case.connections, base):
            scaled = np.float32(weight * gain[c["target"]])
            if np.ndim(weight):
                case.arrays[c["connectivity"]["weight"]["array"]] = scaled
            else:
                c["connectivity"]["weight"] = float(scaled)
        traces = [simulate(case, e) for e in range(case.num_examples)]
        rate = {name: np.mean([trace[name].spikes.sum(0).mean() for trace in traces]) for name in spiking}
        if options.get("silent"):
            return True
        off = [name for name in spiking if not 1.5 <= rate[name] <= 0.2 * case.T + 1]
        if not off:
            return clear(case, traces, stateful, spiking, options)
        gain[off[0]] *= 1.25 if rate[off[0]] < 1.5 else 0.85
    return False


def clear(case, traces, stateful, spiking, options):
    if min(trace[name].margin for trace in traces for name in stateful) < options.get("margin", MARGIN):
        return False
    if case.params["compiler"] != "EventPropCompiler":
        return True
    slopes = [trace[name].i_minus_v[trace[name].spikes > 0].min(initial=np.inf) for trace in traces for name in spiking]
    late = any(trace[name].spikes[-1].any() for trace in traces for name in spiking)
    peaks = [np.diff(np.sort(trace[name].v, axis=0)[-2:], axis=0).min() for trace in traces for name in case.outputs()
             if case.populations[name]["readout"] == "MaxVar"]
    return min(slopes) > options.get("min_slope", MIN_SLOPE) and late and min(peaks, default=1.0) > MARGIN


def expect(case):
    """Adds the figures that a correct engine must give."""
    if case.params["compiler"] == "EventPropCompiler":
        expect_gradients(case)
        return
    traces = [simulate(case, e) for e in range(case.num_examples)]
    for name, p in case.populations.items():
        for e, trace in enumerate(traces):
            if p["neuron"]["type"] != "LeakyIntegrate":
                case.add_spikes(name, e, trace[name].spikes)
        if "v" in p["neuron"]:
            case.arrays[f"{name}_V"] = np.array([trace[name].v for trace in traces], np.float32)
    for name in case.outputs():
        key = "readout" if len(case.outputs()) == 1 else f"{name}_readout"
        case.arrays[key] = np.array([readout(case, name, trace[name]) for trace in traces], np.float32)


def expect_gradients(case):
    for batch, start in enumerate(range(0, case.num_examples, case.batch_size)):
        examples = range(start, min(start + case.batch_size, case.num_examples))
        result = learn_batch(case, examples)
        for i, e in enumerate(examples):
            for name in result.lambda_v[i]:
                case.arrays[f"{name}_V_{e}"] = result.traces[i][name].v.astype(np.float32)
                if name in case.hidden() or "v_thresh" in case.populations[name]["neuron"]:
                    case.add_spikes(name, e, result.traces[i][name].spikes)
                case.arrays[f"{name}_LambdaV_backward_{e}"] = result.lambda_v[i][name][::-1].astype(np.float32)
                if name in result.lambda_i[i]:
                    case.arrays[f"{name}_LambdaI_backward_{e}"] = result.lambda_i[i][name][::-1].astype(np.float32)
        for k, c in enumerate(case.connections):
            name = f"{c['source']}_{c['target']}"
            if case.learns(c):
                case.arrays[f"{name}_Gradient_{batch}"] = case.by_weight(c, result.gradient[k]).astype(np.float32)
            if case.learns_delays(c):
                delay_gradient = case.by_weight(c, result.delay_gradient[k])
                case.arrays[f"{name}_DelayGradient_{batch}"] = delay_gradient.astype(np.float32)
