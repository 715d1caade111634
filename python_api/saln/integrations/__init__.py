"""The batch sampler inside trainers, and its figures in TensorBoard. A module for each; none is imported from here.

`accelerate`, `lightning`, `transformers` and `tensorboard` each need the library of that name: the extra of the same
name installs it.
"""
