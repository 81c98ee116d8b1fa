"""Mutants of adamw."""

from fastnets import reference

from .registry import SINGLE_AND_DOUBLE, mutant


@mutant("adamw")
def bias_correction_left_out(*args):
    return reference.adamw(*args[:5], 10**9, *args[6:])


@mutant("adamw", SINGLE_AND_DOUBLE)
def step_counted_from_zero(*args):
    return reference.adamw(*args[:5], args[5] + 1, *args[6:]) if args[5] < 1000 else None


@mutant("adamw", SINGLE_AND_DOUBLE)
def decay_left_out(*args):
    return reference.adamw(*args[:-1], 0.0)


@mutant("adamw", SINGLE_AND_DOUBLE)
def decay_added_to_the_gradient(parameter, gradient, exp_avg, exp_avg_sq, master, *hyper):
    theta = parameter if master is None else master
    return reference.adamw(parameter, gradient + hyper[-1] * theta, exp_avg, exp_avg_sq, master, *hyper[:-1], 0.0)


@mutant("adamw", ("bfloat16", "float16"))
def master_left_out(*args):
    return None if args[4] is None else (*reference.adamw(*args[:4], None, *args[5:])[:3], args[4])


@mutant("adamw")
def betas_swapped(*args):
    return reference.adamw(*args[:7], args[8], args[7], *args[9:])
