"""Bounds of embedding."""

import numpy as np

from fastnets import reference

from .rounding import SUM, accumulator_eps, rounded


def embedding(args, expected):
    return (np.zeros(expected[0].shape),)  # rows are copied


def embedding_backward(grad_outputs, args, expected):
    """A sum over the tokens of a row, divided by their number where frequencies count."""
    _, terms = reference.embedding_backward(np.abs(np.asarray(grad_outputs[0], np.float64)), *args)
    dtype = args[1].dtype
    return None, rounded((SUM + 2) * accumulator_eps(dtype) * terms, expected[1], dtype)
