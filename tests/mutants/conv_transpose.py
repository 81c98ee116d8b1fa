"""Mutants of conv_transpose."""

import numpy as np

from fastnets import reference

from .registry import mutant, mutant_backward, zeroed


@mutant("conv_transpose")
def transposed_kernel_flipped(x, w, *rest):
    return reference.conv_transpose(x, w[..., ::-1], *rest)


@mutant("conv_transpose")
def last_tap_of_the_transposed_left_out(x, w, *rest):
    return reference.conv_transpose(x, zeroed(w, -1, slice(-1, None)), *rest)


@mutant("conv_transpose")
def last_input_channel_left_out(x, w, *rest):
    return reference.conv_transpose(x, zeroed(w, 0, slice(-1, None)), *rest) if w.size else None


@mutant("conv_transpose")
def weight_of_the_neighbour_output(x, w, *rest):
    return reference.conv_transpose(x, np.roll(w, 1, axis=1), *rest)


@mutant("conv_transpose")
def one_residue_of_the_stride_left_out(x, w, b, stride, *rest):
    if stride[-1] == 1:
        return None
    y = reference.conv_transpose(x, w, b, stride, *rest)
    y[..., 1 :: stride[-1]] = 0.0
    return y


@mutant("conv_transpose")
def transposed_padding_off_by_one(x, w, b, stride, padding, output_padding, *rest):
    if not padding[-1]:
        return None
    fewer = (*padding[:-1], padding[-1] - 1)
    return reference.conv_transpose(x, w, b, stride, fewer, output_padding, *rest)[..., :-2]


@mutant("conv_transpose")
def transposed_bias_of_the_neighbour(x, w, b, *rest):
    return None if b is None else reference.conv_transpose(x, w, np.roll(b, 1), *rest)


@mutant("conv_transpose")
def transposed_activation_left_out(*args):
    return reference.conv_transpose(*args[:-1], None)


@mutant_backward("conv_transpose")
def transposed_image_left_out(dy, *args):
    return reference.conv_transpose_backward(zeroed(dy, 0, slice(-1, None)), *args)


@mutant_backward("conv_transpose")
def last_column_of_the_transposed_left_out(dy, *args):
    return reference.conv_transpose_backward(zeroed(dy, -1, slice(-1, None)), *args)


@mutant_backward("conv_transpose")
def transposed_derivative_left_out(dy, *args):
    return reference.conv_transpose_backward(dy, *args[:-1], None)
