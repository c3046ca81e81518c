"""docs/eprop.md in numpy, float64: e-prop with the traces of every synapse, and random case folders for it.

Written after the text and apart from the engine. Differs from shared/reference in what it covers: any number of
populations, constants per neuron, delays, negative spikes, several outputs, batches, any connectivity, random feedback.
"""
import numpy as np

from case import Case
from forward import simulate
from generate import Draft, settle
from layers import COMMON as MANY_NEURONS
from layers import LayersDraft
from philox import normal

COMMON = dict(synapse="Delta", scale=False, relative_reset=True, integrate=True)

FEEDBACK = 10  # what random numbers are for, among other purposes: see src/base/philox.h

# name: options of Draft, and of EPropDraft below
EPROP = {
    "lif": {},
    "lif_recurrent": dict(recurrent=True, bias=True),
    "lif_refractory": dict(recurrent=True, refrac=True),
    "lif_reset_level": dict(recurrent=True, v_reset=-0.2, start=True, bias=True),
    "alif": dict(neuron="AdaptiveLeakyIntegrateFire", recurrent=True, start=True),
    "alif_refractory": dict(neuron="AdaptiveLeakyIntegrateFire", recurrent=True, refrac=True),
    "per_neuron": dict(per_neuron=True, recurrent=True, refrac=True),
    "alif_per_neuron": dict(neuron="AdaptiveLeakyIntegrateFire", per_neuron=True, recurrent=True),
    "deep": dict(deep=True, recurrent=True),
    "two_outputs": dict(two_outputs=True, recurrent=True, deep=True),
    "two_inputs": dict(two_inputs=True),
    "wide": dict(wide=True, recurrent=True),
    "mean_square_error": dict(loss="mean_square_error", recurrent=True, readout="Var"),
    "mean_square_error_alif": dict(loss="mean_square_error", neuron="AdaptiveLeakyIntegrateFire", two_outputs=True),
    "regularised": dict(c_reg=0.5, tau_reg=15.0, f_target=0.0, recurrent=True),
    "not_regularised": dict(c_reg=0.0, recurrent=True),
    "no_output_bias": dict(train_output_bias=False),
    "fine_dt": dict(dt=0.1, T=300, recurrent=True),
    "one_delay": dict(delays="one", recurrent=True),
    "delays": dict(delays="many", recurrent=True, neuron="AdaptiveLeakyIntegrateFire"),
    "signed_spikes": dict(input="BinarySpikeInput", frames=(30, 1), signed=True, recurrent=True),
    "signed_delays": dict(input="BinarySpikeInput", frames=(30, 1), signed=True, delays="many", batch_size=2),
    "random_feedback": dict(feedback="random", recurrent=True, deep=True, two_outputs=True),
    "random_feedback_batch": dict(feedback="random", loss="mean_square_error", batch_size=2),
    "batch": dict(batch_size=3, examples=6, recurrent=True),
    "batch_short_last": dict(batch_size=4, examples=7, neuron="AdaptiveLeakyIntegrateFire", deep=True),
    "batch_larger_than_data": dict(batch_size=8, examples=3, loss="mean_square_error"),
}

# the same for LayersDraft
ALIF = dict(neuron="AdaptiveLeakyIntegrateFire")
EPROP_LAYERS = {
    "conv": dict(layers=("Conv2D", "Dense")),
    "conv_alif_stack": ALIF | dict(layers=("Conv2D", "Conv2D", "AvgPoolDense2D"), plane=(5, 8)),
    "conv_random_feedback": dict(layers=("Conv2D", "AvgPoolConv2D", "Dense"), plane=(5, 8), feedback="random",
                                 batch_size=2),
    "conv_transpose": dict(layers=("Conv2DTranspose", "Dense"), batch_size=2),
    "pool": dict(layers=("AvgPool2D", "Conv2D", "Dense"), per_neuron=True),
    "one_to_one": dict(layers=("OneToOne", "Dense")),
    "sparse": dict(layers=("Sparse", "Sparse"), recurrent=True, batch_size=3, examples=5),
    "sparse_alif": ALIF | dict(layers=("Sparse", "Sparse", "Dense"), recurrent=True, per_neuron=True),
    "sparse_delays": dict(layers=("Sparse", "Sparse", "Dense"), delays="many", recurrent=True),
}


def generate_eprop(recipe, seed):
    """A Case with its expected arrays, the same for the same arguments."""
    layered = recipe in EPROP_LAYERS
    options = COMMON | (MANY_NEURONS | EPROP_LAYERS[recipe] if layered else EPROP[recipe])
    draft = EPropLayersDraft if layered else EPropDraft
    for attempt in range(300):
        case = draft(options, np.random.default_rng([seed, attempt, len(recipe), *recipe.encode()])).case()
        if case and settle(case, options):
            expect(case)
            return case
    raise RuntimeError(f"no good draw for EPropCompiler {recipe} {seed}")


class EPropDraft(Draft):
    def __init__(self, options, rng):
        super().__init__("EPropCompiler", options, rng)
        self.params |= {
            "loss": options.get("loss", "sparse_categorical_crossentropy"), "tau_reg": options.get("tau_reg", 500.0),
            "c_reg": options.get("c_reg", 0.001), "f_target": options.get("f_target", 10.0),
            "train_output_bias": options.get("train_output_bias", True),
            "feedback": options.get("feedback", "symmetric"),
        }

    def case(self):
        """Every hidden population leads to an output, unless feedback is random."""
        case = super().case()
        if not case:
            return None
        size = {name: case.size(name) for name in case.populations}
        joined = {c["source"] for c in case.connections if c["target"] in case.outputs()}
        if self.params["feedback"] == "random":
            joined |= set(case.hidden())
        case.connections += [self.connection((h, case.outputs()[0]), size) for h in case.hidden() if h not in joined]
        for out in case.outputs():
            shape = (case.num_examples, case.T, size[out])
            several = len(case.outputs()) > 1
            if self.params["loss"] == "mean_square_error":
                self.arrays[f"{out}_targets" if several else "targets"] = self.rng.normal(0, 1, shape).astype(np.float32)
            else:
                labels = self.rng.integers(0, size[out], case.num_examples).astype(np.int32)
                self.arrays[f"{out}_labels" if several else "labels"] = labels
        return Case(self.params, self.arrays)


class EPropLayersDraft(EPropDraft, LayersDraft):
    """Layers of LayersDraft, outputs and options of EPropDraft."""


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


def errors(case, output, example, v):
    """(T, n) of an output: of the softmax of the step before, or of V."""
    if case.params["loss"] == "mean_square_error":
        name = f"{output}_targets" if f"{output}_targets" in case.arrays else "targets"
        return v - case.arrays[name][example].astype(np.float64)
    before = np.vstack([np.zeros(v.shape[1])] + [softmax(x) for x in v[:-1]])
    return before - (np.arange(v.shape[1]) == case.label(output, example))


def feedback(case, hidden):
    """[(output, weights (n_hidden, n_output))]: those of the connections to outputs, or random ones."""
    if case.params["feedback"] == "symmetric":
        return [(c["target"], case.weight(c)) for c in case.connections
                if c["source"] == hidden and c["target"] in case.outputs()]
    order, n = list(case.populations), case.size(hidden)
    drawn = {out: normal(FEEDBACK, 2 * order.index(hidden), order.index(out), n * case.size(out))
             for out in case.outputs()}
    return [(out, weights.reshape(-1, n).T / np.sqrt(n)) for out, weights in drawn.items()]


def learn_example(case, example):
    """traces, E of every population (T, n), DeltaG of every connection (sources, targets)"""
    traces = simulate(case, example)
    signal = {out: errors(case, out, example, traces[out].v) for out in case.outputs()}
    for hidden in case.hidden():
        signal[hidden] = np.zeros((case.T, case.size(hidden)))
        for out, weights in feedback(case, hidden):
            signal[hidden][1:] += signal[out][:-1] @ weights.T
    return traces, signal, [delta_g(case, c, traces, signal[c["target"]]) for c in case.connections]


def delta_g(case, connection, traces, signal):
    p, T = case.populations[connection["target"]]["neuron"], case.T
    hidden = connection["target"] in case.hidden()
    n, psi = case.size(connection["target"]), traces[connection["target"]].psi
    alpha = np.exp(-case.dt / case.value(p["tau_mem"]))
    beta = case.value(p.get("beta"))
    rho = np.exp(-case.dt / case.value(p["tau_adapt"])) if "tau_adapt" in p else 0.0
    keep = np.exp(-case.dt / case.params["tau_reg"])
    target, c_reg = case.params["f_target"] * case.dt / 1000, case.params["c_reg"]
    pre, post, delay = traces[connection["source"]].spikes, traces[connection["target"]].spikes, case.delay(connection)
    z, eps, filtered, total = (np.zeros((pre.shape[1], n)) for _ in range(4))
    f_avg = np.zeros(n)
    for t in range(T - 1):
        arrived = np.where(t >= delay, pre[np.maximum(t - delay, 0), np.arange(pre.shape[1])[:, None]], 0.0)
        z = alpha * z + arrived
        if not hidden:
            total += z * signal[t]
            continue
        f_avg = keep * f_avg + (1 - keep) * post[t]
        e = psi[t] * (z - beta * eps)
        eps = psi[t] * z + (rho - beta * psi[t]) * eps
        filtered = alpha * filtered + e
        total += filtered * signal[t] + c_reg * (f_avg - target) * e
    return total


def expect(case):
    """Adds the figures that a correct engine must give."""
    for batch, start in enumerate(range(0, case.num_examples, case.batch_size)):
        examples = range(start, min(start + case.batch_size, case.num_examples))
        results = [learn_example(case, e) for e in examples]
        for e, (traces, signal, _) in zip(examples, results):
            for name in signal:
                case.arrays[f"{name}_V_{e}"] = traces[name].v.astype(np.float32)
                case.arrays[f"{name}_E_{e}"] = signal[name].astype(np.float32)
                if name in case.hidden():
                    case.add_spikes(name, e, traces[name].spikes)
                    case.arrays[f"{name}_Psi_{e}"] = traces[name].psi.astype(np.float32)
        for k, c in enumerate(case.connections):
            mean = case.by_weight(c, np.mean([result[2][k] for result in results], axis=0))
            if case.learns(c):
                case.arrays[f"{c['source']}_{c['target']}_DeltaG_{batch}"] = mean.astype(np.float32)
        for out in case.outputs() if case.params["train_output_bias"] else []:
            mean = np.mean([result[1][out].sum(0) for result in results], axis=0)
            case.arrays[f"{out}_DeltaBias_{batch}"] = mean.astype(np.float32)
