"""Section 6 of DESIGN.md in numpy, float64: the adjoint sweep of EventProp and the gradient of one batch.

Written after the text and apart from the engine. Differs from shared/reference in what it covers: any number of
populations, several synaptic time constants into one of them, v_reset != 0, parameters per neuron, recurrent delays, and batches.
"""
import numpy as np

from forward import readout, simulate, weights_by_delay


class Result:
    """What one batch yields: per example the traces, and per population the adjoints (T, n); per connection its Gradient
    and DelayGradient (sources, targets). LambdaI is left out where several time constants have one each."""

    def __init__(self, case):
        self.traces, self.lambda_v, self.lambda_i, self.loss = [], [], [], []
        shapes = [(case.size(c["source"]), case.size(c["target"])) for c in case.connections]
        self.gradient = [np.zeros(shape) for shape in shapes]
        self.delay_gradient = [np.zeros(shape) for shape in shapes]


def learn_batch(case, examples):
    if case.params["loss"] != "sparse_categorical_crossentropy":
        raise ValueError(f"loss {case.params['loss']} is not covered here")
    result = Result(case)
    result.traces = [simulate(case, e) for e in examples]
    counts = {name: np.mean([trace[name].spikes.sum(0) for trace in result.traces], axis=0) for name in case.hidden()}
    for example, traces in zip(examples, result.traces):
        sweep(case, example, traces, counts, len(examples), result)
    return result


def sweep(case, example, traces, counts, batch, result):
    """Adds one example to the batch's gradient."""
    states = {name: Adjoint(case, name, traces[name]) for name in case.populations if name not in case.inputs()}
    weights = [weights_by_delay(case, c) for c in case.connections]
    loss = sum(states[name].set_drive(case, example, batch) for name in case.outputs())
    for t in range(case.T - 1, -1, -1):
        back = {name: np.zeros(case.size(name)) for name in states}
        for k, c in enumerate(case.connections):
            meet(case, k, weights[k], traces[c["source"]].spikes[t], states[c["target"]], t, back.get(c["source"]), result)
        for name, state in states.items():
            state.flow(t)
        for name in case.hidden():
            states[name].jump(t, back[name], regularisation(case, counts[name]) / batch)
    result.lambda_v.append({name: state.lambda_v[:-1] for name, state in states.items()})
    result.lambda_i.append({name: next(iter(state.lambda_i.values()))[:-1]
                            for name, state in states.items() if len(state.lambda_i) == 1})
    result.loss.append(loss)


def meet(case, k, weights, spikes, target, t, back, result):
    """The spikes of step t meet the targets' adjoint as it stands after step t + 1 + delay."""
    tau, delays = case.connections[k]["synapse"]["tau"], case.delay(case.connections[k])
    for delay, weight in weights:
        at = min(t + 1 + delay, case.T)
        lambda_i, difference = target.lambda_i[tau][at], target.lambda_v[at] - target.lambda_i[tau][at]
        result.gradient[k] -= (delays == delay) * tau * spikes[:, None] * lambda_i
        result.delay_gradient[k] += spikes[:, None] * weight * difference
        if back is not None:
            back += weight @ difference


def regularisation(case, mean_count):
    over = mean_count - case.params["reg_nu_upper"]
    return np.where(over > 0, case.params["reg_lambda_upper"], case.params["reg_lambda_lower"]) * over


class Adjoint:
    """LambdaV, and one LambdaI per synaptic time constant, of one population: (T + 1, n), row T is 0."""

    def __init__(self, case, name, trace):
        p = case.populations[name]["neuron"]
        n = case.size(name)
        self.name, self.trace = name, trace
        self.tau_mem = np.broadcast_to(case.value(p["tau_mem"]), n).astype(float)
        self.alpha = np.exp(-case.dt / self.tau_mem)
        self.fires = p["type"] == "LeakyIntegrateFire"
        if self.fires:
            self.step_height = case.value(p["v_thresh"]) - case.value(p["v_reset"])
        self.drive = np.zeros((case.T, n))
        self.lambda_v, self.lambda_i, self.beta, self.c = np.zeros((case.T + 1, n)), {}, {}, {}
        for tau in {c["synapse"]["tau"] for c in case.connections if c["target"] == name}:
            self.lambda_i[tau] = np.zeros((case.T + 1, n))
            self.beta[tau] = np.exp(-case.dt / tau)
            equal = self.tau_mem == tau
            apart = np.where(equal, 1.0, self.tau_mem - tau)
            self.c[tau] = np.where(equal, case.dt / tau * self.alpha,
                                   self.tau_mem / apart * (self.alpha - self.beta[tau]))

    def set_drive(self, case, example, batch):
        """The loss, sparse categorical cross-entropy; returns it."""
        temperature, label = case.params["softmax_temperature"], case.label(self.name, example)
        kind = case.populations[self.name]["readout"]
        y = readout(case, self.name, self.trace) / temperature
        p = np.exp(y - y.max())
        p = p / p.sum()
        g = (np.eye(len(p))[label] - p) / temperature
        self.drive[:] = g / (self.tau_mem * batch * case.T * case.dt)
        t = np.arange(case.T)[:, None]
        if kind == "AvgVarExpWeight":
            self.drive *= np.exp(-(t + 1) / case.T)
        if kind == "MaxVar":
            self.drive *= t == self.trace.v.argmax(0)[None]
        return -np.log(p[label])

    def flow(self, t):
        d, lambda_v = self.drive[t], self.lambda_v[t + 1]
        for tau, lambda_i in self.lambda_i.items():
            lambda_i[t] = d + self.c[tau] * (lambda_v - d) + self.beta[tau] * (lambda_i[t + 1] - d)
        self.lambda_v[t] = d + self.alpha * (lambda_v - d)

    def jump(self, t, back, regularise):
        s = self.trace.spikes[t] > 0
        slope = np.where(s, self.trace.i_minus_v[t], 1.0)
        step = (self.step_height * self.lambda_v[t] + back) / slope - regularise
        self.lambda_v[t] = np.where(s, self.lambda_v[t] + step, self.lambda_v[t])
