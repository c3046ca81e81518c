"""Section 6 of DESIGN.md in numpy, float64: the adjoint sweep of EventProp and the gradient of one batch.

Written after the text and apart from the engine. Differs from shared/reference in what it covers: any number of
populations, several synaptic time constants into one of them, v_reset != 0, parameters per neuron, and batches.
"""
import numpy as np

from forward import readout, simulate


class Result:
    """What one batch yields: per example the traces and adjoints, per connection its Gradient (sources, targets)."""

    def __init__(self):
        self.traces, self.lambda_v, self.lambda_i, self.loss = [], [], [], []
        self.gradient = []


def learn_batch(case, examples):
    if case.params["loss"] != "sparse_categorical_crossentropy":
        raise ValueError(f"loss {case.params['loss']} is not covered here")
    result = Result()
    result.traces = [simulate(case, e) for e in examples]
    counts = {name: np.mean([trace[name].spikes.sum(0) for trace in result.traces], axis=0) for name in case.hidden()}
    result.gradient = [np.zeros((case.size(c["source"]), case.size(c["target"]))) for c in case.connections]
    for example, traces in zip(examples, result.traces):
        sweep(case, example, traces, counts, len(examples), result)
    return result


def sweep(case, example, traces, counts, batch, result):
    """Adds one example to the batch's gradient."""
    states = {name: Adjoint(case, name, traces[name]) for name in case.populations if name not in case.inputs()}
    loss = 0.0
    for name in case.outputs():
        loss += states[name].set_drive(case, example, batch)
    lambda_v = {name: np.zeros((case.T, case.size(name))) for name in states}
    lambda_i = {name: np.zeros((case.T, case.size(name))) for name in states}
    for t in range(case.T - 1, -1, -1):
        back = {name: np.zeros(case.size(name)) for name in states}
        for gradient, c in zip(result.gradient, case.connections):
            target, tau, spikes = states[c["target"]], c["synapse"]["tau"], traces[c["source"]].spikes[t]
            gradient -= tau * spikes[:, None] * target.lambda_i[tau][None]
            if c["source"] in back:
                back[c["source"]] += case.weight(c) @ (target.lambda_v - target.lambda_i[tau])
        for name, state in states.items():
            state.flow(t)
        for name in case.hidden():
            states[name].jump(t, back[name], regularisation(case, counts[name]) / batch)
        for name, state in states.items():
            lambda_v[name][t] = state.lambda_v
            if len(state.lambda_i) == 1:
                lambda_i[name][t] = next(iter(state.lambda_i.values()))
    result.lambda_v.append(lambda_v)
    result.lambda_i.append({name: rows for name, rows in lambda_i.items() if len(states[name].lambda_i) == 1})
    result.loss.append(loss)


def regularisation(case, mean_count):
    over = mean_count - case.params["reg_nu_upper"]
    return np.where(over > 0, case.params["reg_lambda_upper"], case.params["reg_lambda_lower"]) * over


class Adjoint:
    """LambdaV, and one LambdaI per synaptic time constant, of one population."""

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
        self.lambda_v, self.lambda_i, self.beta, self.c = np.zeros(n), {}, {}, {}
        for tau in {c["synapse"]["tau"] for c in case.connections if c["target"] == name}:
            self.lambda_i[tau] = np.zeros(n)
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
        d = self.drive[t]
        for tau, lambda_i in self.lambda_i.items():
            self.lambda_i[tau] = d + self.c[tau] * (self.lambda_v - d) + self.beta[tau] * (lambda_i - d)
        self.lambda_v = d + self.alpha * (self.lambda_v - d)

    def jump(self, t, back, regularise):
        s = self.trace.spikes[t] > 0
        slope = np.where(s, self.trace.i_minus_v[t], 1.0)
        step = (self.step_height * self.lambda_v + back) / slope - regularise
        self.lambda_v = np.where(s, self.lambda_v + step, self.lambda_v)
