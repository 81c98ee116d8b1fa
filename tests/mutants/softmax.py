"""Mutants of softmax."""

import numpy as np

from fastnets import reference

from .registry import mutant, mutant_backward


@mutant("softmax")
def along_another_dimension(x, dim, log, dtype):
    return reference.softmax(x, dim - 1 if x.ndim > 1 else dim, log, dtype)


@mutant("softmax")
def last_terms_left_out_of_the_sum(x, dim, log, dtype):
    if not x.ndim:
        return None
    lower = np.moveaxis(x.copy(), dim, 0)
    lower[-max(1, len(lower) // 8) :] = -1e3
    kept = np.moveaxis(lower, 0, dim)
    return x - kept + reference.softmax(kept, dim, True, None) if log else None


@mutant("softmax")
def logarithm_confused(x, dim, log, dtype):
    return reference.softmax(x, dim, not log, dtype)


@mutant_backward("softmax")
def sum_left_out(dy, x, dim, log, dtype):
    return (dy if log else dy * reference.softmax(x, dim, False, dtype),)


@mutant_backward("softmax")
def largest_terms_left_out_of_the_dot_product(dy, x, dim, log, dtype):
    if not x.ndim:
        return None
    y = reference.softmax(x, dim, False, dtype)
    terms = np.moveaxis(dy if log else dy * y, dim, 0)
    terms = np.take_along_axis(terms, np.argsort(np.abs(terms), axis=0), axis=0)
    total = np.moveaxis(terms[: -max(1, len(terms) // 8)].sum(axis=0, keepdims=True), 0, dim)
    return (dy - y * total if log else y * (dy - total),)


@mutant_backward("softmax")
def exponential_left_out(dy, x, dim, log, dtype):
    if not log or not x.ndim:
        return None
    return (dy - reference.softmax(x, dim, True, dtype) * dy.sum(axis=dim, keepdims=True),)
