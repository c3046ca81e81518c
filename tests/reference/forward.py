"""Section 4 of DESIGN.md in numpy, float64: one step of every population, and the readouts.

Written after the text and apart from the engine, as what the engine is checked against. Dense and slow on purpose.
"""
import numpy as np


class Trace:
    """What one population did in one example; rows are timesteps."""

    def __init__(self, T, n):
        self.spikes = np.zeros((T, n))
        self.v = np.zeros((T, n))           # after the step
        self.i_minus_v = np.full((T, n), np.inf)  # at the test of the threshold, I before its decay
        self.a = np.zeros((T, n))           # at the test of the threshold
        self.psi = np.zeros((T, n))         # e-prop's pseudo-derivative of the spike by V
        self.margin = np.inf                # the least distance of V from the threshold where a spike was possible


def simulate(case, example):
    """name -> Trace of every population, from rest."""
    traces = {name: Trace(case.T, case.size(name)) for name in case.populations}
    for name in case.inputs():
        if case.type(name) == "SpikeInput":
            traces[name].spikes = case.input_spikes(name, example)
        elif case.type(name) == "BinarySpikeInput":
            x = case.input_values(name, example)
            traces[name].spikes = np.sign(x) if case.populations[name]["neuron"]["signed_spikes"] else (x > 0) * 1.0
    states = {name: State(case, name, example) for name in case.populations if case.type(name) in STATEFUL}
    for t in range(case.T):
        for name, state in states.items():
            state.step(t, traces, traces[name])
    return traces


STATEFUL = ("IntegrateFire", "LeakyIntegrateFire", "AdaptiveLeakyIntegrateFire", "LeakyIntegrate", "IntegrateFireInput",
            "LeakyIntegrateFireInput")


class State:
    """One population's state and what drives it: the synapses that lead to it, or the values it is shown."""

    def __init__(self, case, name, example):
        p = self.neuron = case.populations[name]["neuron"]
        n = case.size(name)
        self.dt = case.dt
        self.fires = p["type"] != "LeakyIntegrate"
        self.alpha = np.exp(-case.dt / case.value(p["tau_mem"])) if "tau_mem" in p else 1.0
        self.gain = 1 - self.alpha if p.get("scale_i") else 1.0
        self.v = np.broadcast_to(case.value(p["v"]), n).astype(float)
        self.bias = case.value(p.get("bias"))
        if self.fires:
            self.v_thresh, self.v_reset = case.value(p["v_thresh"]), case.value(p["v_reset"])
            self.tau_refrac = case.value(p.get("tau_refrac"))
        self.refrac = np.zeros(n)
        self.a = np.broadcast_to(case.value(p.get("a")), n).astype(float)
        self.beta = case.value(p.get("beta"))
        self.rho = np.exp(-case.dt / case.value(p["tau_adapt"])) if "tau_adapt" in p else 1.0
        self.values = case.input_values(name, example) if name in case.inputs() else None
        self.synapses = [Synapse(case, c) for c in case.connections if c["target"] == name]

    def step(self, t, traces, trace):
        current, before_decay = 0.0 if self.values is None else self.values[t], 0.0
        for synapse in self.synapses:
            synapse.arrive(t, traces)
            before_decay = before_decay + synapse.in_syn
            current = current + synapse.step()
        blocked = self.refrac > 0
        moved = self.alpha * self.v + self.gain * current + self.bias
        hold = blocked & (not self.neuron.get("integrate_during_refrac", True))
        self.v = np.where(hold, self.v, moved)
        if self.fires:
            self.fire(t, blocked, before_decay, trace)
        trace.v[t] = self.v

    def fire(self, t, blocked, before_decay, trace):
        self.refrac = np.where(blocked, self.refrac - self.dt, self.refrac)
        self.a = self.a * self.rho
        ready, threshold = self.refrac <= 0, self.v_thresh + self.beta * self.a
        distance = np.abs(self.v - threshold)
        trace.margin = min(trace.margin, distance[ready].min(initial=np.inf))
        spikes = (self.v >= threshold) & ready
        trace.psi[t] = ready * 0.3 / self.v_thresh * np.maximum(0, 1 - distance / self.v_thresh)
        trace.spikes[t], trace.i_minus_v[t], trace.a[t] = spikes, before_decay - self.v, self.a
        reset = self.v - (self.v_thresh - self.v_reset) if self.neuron.get("relative_reset") else self.v_reset
        self.v = np.where(spikes, reset, self.v)
        self.a = self.a + spikes
        self.refrac = np.where(spikes, self.tau_refrac, self.refrac)


def weights_by_delay(case, connection):
    """(delay, the weights (sources, targets) of the synapses that have it, 0 elsewhere) for every delay there is"""
    weight, delay = case.weight(connection), case.delay(connection)
    return [(d, np.where(delay == d, weight, 0.0)) for d in np.unique(delay)]


class Synapse:
    def __init__(self, case, connection):
        p = connection["synapse"]
        if p["type"] not in ("Delta", "Exponential"):
            raise ValueError("this connection is not covered here")
        self.source = connection["source"]
        self.weights = weights_by_delay(case, connection)
        self.in_syn = np.zeros(case.size(connection["target"]))
        self.beta, self.scale = 0.0, 1.0
        if p["type"] == "Exponential":
            self.beta = np.exp(-case.dt / p["tau"])
            self.scale = p["tau"] / case.dt * (1 - self.beta) if p["scale_i"] else 1.0

    def arrive(self, t, traces):
        """A spike of step s arrives in step s + 1 + delay."""
        for delay, weight in self.weights:
            if t > delay:
                self.in_syn = self.in_syn + traces[self.source].spikes[t - 1 - delay] @ weight

    def step(self):
        current = self.in_syn * self.scale
        self.in_syn = self.in_syn * self.beta
        return current


def readout(case, name, trace):
    """(n) what `predict` returns of an output population"""
    t = np.arange(case.T)
    return {
        "Var": lambda: trace.v[-1],
        "SumVar": lambda: trace.v.sum(0),
        "AvgVar": lambda: trace.v.mean(0),
        "AvgVarExpWeight": lambda: (trace.v * np.exp(-t / case.T)[:, None]).sum(0) / case.T,
        "MaxVar": lambda: trace.v.max(0),
        "SpikeCount": lambda: trace.spikes.sum(0),
    }[case.populations[name]["readout"]]()
