"""Section 6 of DESIGN.md in numpy, float64: the adjoint sweep of EventProp and the gradient of one batch.

Written after the text and apart from the engine. Differs from shared/reference in what it covers: any number of
populations, several synaptic time constants into one of them, v_reset != 0, parameters per neuron, recurrent delays, losses per
timestep, and batches.
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
        for name in case.outputs():
            if states[name].fires:
                states[name].jump(t, back[name] + states[name].kick(t), 0.0)
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
        self.fires = "v_thresh" in p
        self.adapts = p["type"] == "AdaptiveLeakyIntegrateFire"
        if self.fires:
            self.step_height = case.value(p["v_thresh"]) - case.value(p["v_reset"])
        if self.adapts:
            self.level, self.keep = case.value(p["beta"]), float(p["relative_reset"])
            self.lift = self.level * self.tau_mem / case.value(p["tau_adapt"])
            self.rho, self.lambda_a = np.exp(-case.dt / case.value(p["tau_adapt"])), np.zeros(n)
        self.drive, self.silent = np.zeros((case.T, n)), np.zeros(n)
        self.lambda_v, self.lambda_i, self.beta, self.c = np.zeros((case.T + 1, n)), {}, {}, {}
        for tau in {c["synapse"]["tau"] for c in case.connections if c["target"] == name}:
            self.lambda_i[tau] = np.zeros((case.T + 1, n))
            self.beta[tau] = np.exp(-case.dt / tau)
            equal = self.tau_mem == tau
            apart = np.where(equal, 1.0, self.tau_mem - tau)
            self.c[tau] = np.where(equal, case.dt / tau * self.alpha,
                                   self.tau_mem / apart * (self.alpha - self.beta[tau]))

    def set_drive(self, case, example, batch):
        """What the loss does to the population; returns the loss, which is cross-entropy or a mean square error."""
        kind, t = case.populations[self.name]["readout"], np.arange(case.T)[:, None]
        scale = self.tau_mem.mean() * batch * case.T * case.dt
        if self.fires:
            return self.set_kicks(case, example, batch)
        if case.params["loss"] == "mean_square_error":
            error = case.arrays["targets"][example] - self.trace.v
            self.drive[:] = error / scale
            return (error ** 2).mean()
        if case.params["per_timestep_loss"]:
            losses, g = zip(*(self.crossentropy(case, example, v) for v in self.trace.v))
            self.drive[:] = np.array(g) / scale
            return np.mean(losses)
        loss, g = self.crossentropy(case, example, readout(case, self.name, self.trace))
        self.drive[:] = g / scale
        if kind == "AvgVarExpWeight":
            self.drive *= np.exp(-(t + 1) / case.T)
        if kind == "MaxVar":
            self.drive *= t == self.trace.v.argmax(0)[None]
        return loss

    def crossentropy(self, case, example, y):
        """The loss of outputs y and minus its derivative."""
        temperature, label = case.params["softmax_temperature"], case.label(self.name, example)
        p = np.exp((y - y.max()) / temperature)
        p = p / p.sum()
        return -np.log(np.maximum(p[label], 1e-300)), (np.eye(len(p))[label] - p) / temperature

    def set_kicks(self, case, example, batch):
        """Losses of first spikes, y = minus their times."""
        label, duration, loss = case.label(self.name, example), case.T * case.dt, case.params["loss"]
        fired, first = self.trace.spikes.any(0), self.trace.spikes.argmax(0)
        self.first, self.kicks, self.silent = np.where(fired, first, -1), np.zeros(len(fired)), np.zeros(len(fired))
        if isinstance(loss, dict):
            z = np.where(fired, first * case.dt, 0.0)
            error = z - z[label] - loss["delta"]
            error[label] = 0
            self.kicks[:] = error / batch
            self.kicks[label] = -error.sum() / batch
            return (error ** 2).sum() / (len(error) - 1) if len(error) > 1 else 0.0
        value, self.kicks[fired] = 0.0, 0.0
        if fired.any():
            y = np.where(fired, -first * case.dt, -np.inf)
            value, g = self.crossentropy(case, example, y)
            self.kicks[fired] = g[fired] / batch
        late = first[label] * case.dt if fired[label] else duration
        pull = case.params["ttfs_alpha"] / (1.01 * duration - late) ** 2 / batch
        (self.kicks if fired[label] else self.silent)[label] += pull
        return value

    def kick(self, t):
        return np.where(self.first == t, self.kicks, 0.0)

    def flow(self, t):
        d, lambda_v = self.drive[t], self.lambda_v[t + 1]
        for tau, lambda_i in self.lambda_i.items():
            lambda_i[t] = d + self.c[tau] * (lambda_v - d) + self.beta[tau] * (lambda_i[t + 1] - d)
        self.lambda_v[t] = d + self.alpha * (lambda_v - d)
        if t == len(self.drive) - 1:
            self.lambda_v[t] += self.silent

    def jump(self, t, back, regularise):
        s = self.trace.spikes[t] > 0
        slope, height = np.where(s, self.trace.i_minus_v[t], 1.0), self.step_height
        if self.adapts:
            a = self.trace.a[t]
            self.lambda_a = self.rho * self.lambda_a
            slope = np.where(s, slope + self.lift * a, 1.0)
            height, back = height + (1 - self.keep) * (self.level - self.lift) * a, back - self.lambda_a
        before = self.lambda_v[t] + (height * self.lambda_v[t] + back) / slope
        if self.adapts:
            self.lambda_a = np.where(s, self.lambda_a - self.lift * (before - self.keep * self.lambda_v[t]), self.lambda_a)
        self.lambda_v[t] = np.where(s, before - regularise, self.lambda_v[t])
