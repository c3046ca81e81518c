"""The experiment that tests of the program train: a small network that learns the Yin-Yang set."""

NETWORK = """\
network:
  layers:
    - {name: input, shape: 5, neuron: spike_input}
    - name: hidden
      shape: HIDDEN
      neuron: {type: leaky_integrate_fire, v_thresh: 1, tau_mem: 20}
      connectivity: {type: dense, weight: {normal: {mean: 2, sd: 3}}}
      synapse: {type: exponential, tau: 5}
    - name: output
      shape: 3
      neuron: {type: leaky_integrate, tau_mem: 20, readout: avg_var}
      connectivity: {type: dense, weight: {normal: {mean: 0.2, sd: 0.37}}}
      synapse: {type: exponential, tau: 5}
"""


def data(num_examples, num_test=0):
    test = f"  test: {{type: yin_yang, num_examples: {num_test}, seed: 2}}\n" if num_test else ""
    return f"""\
data:
  encoder: {{type: time, min_time: 2, max_time: 27, add_bias: true, bias_time: 2}}
  train: {{type: yin_yang, num_examples: {num_examples}, seed: 1}}
{test}"""


def experiment(num_examples, hidden, compiler, num_epochs, seed=4, num_test=0):
    """Its text, to which callbacks are appended; hidden: neurons, or a shape; compiler: keys beside the type."""
    return f"""\
seed: {seed}
{data(num_examples, num_test)}{NETWORK.replace("HIDDEN", str(hidden))}\
compiler: {{type: eventprop, batch_size: 16, {compiler}}}
training: {{num_epochs: {num_epochs}, validation_split: 0.2}}
"""
