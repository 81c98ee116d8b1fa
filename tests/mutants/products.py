"""Mutants of linear, conv."""

import numpy as np

from fastnets import reference

from .registry import mutant, mutant_backward, zeroed


@mutant("linear")
def k_block_left_out(x, w, b, residual, activation):
    return reference.linear(zeroed(x, -1, slice(-4, None)), w, b, residual, activation)


@mutant("linear")
def last_k_left_out(x, w, b, residual, activation):
    return reference.linear(zeroed(x, -1, slice(-1, None)), w, b, residual, activation)


@mutant("linear")
def k_block_added_twice(x, w, b, residual, activation):
    twice = np.concatenate([x, x[..., :4]], axis=-1)
    return reference.linear(twice, np.concatenate([w, w[:, :4]], axis=-1), b, residual, activation)


@mutant("linear")
def neighbour_weights(x, w, b, residual, activation):
    return reference.linear(x, np.roll(w, 1, axis=0), b, residual, activation)


@mutant("linear")
def weight_read_transposed(x, w, b, residual, activation):
    return reference.linear(x, w.T.reshape(w.shape), b, residual, activation)


@mutant("linear")
def bias_left_out(x, w, b, residual, activation):
    return None if b is None else reference.linear(x, w, None, residual, activation)


@mutant("linear")
def residual_left_out(x, w, b, residual, activation):
    return None if residual is None else reference.linear(x, w, b, None, activation)


@mutant("linear")
def residual_after_activation(x, w, b, residual, activation):
    return None if residual is None else reference.linear(x, w, b, None, activation) + residual


@mutant("linear")
def activation_left_out(x, w, b, residual, activation):
    return reference.linear(x, w, b, residual, None)


@mutant_backward("linear")
def m_block_left_out(dy, x, w, b, residual, activation):
    if dy.ndim < 2:
        return None
    return reference.linear_backward(zeroed(dy, -2, slice(-2, None)), x, w, b, residual, activation)


@mutant_backward("linear")
def n_block_left_out(dy, x, w, b, residual, activation):
    return reference.linear_backward(zeroed(dy, -1, slice(-1, None)), x, w, b, residual, activation)


@mutant_backward("linear")
def derivative_left_out(dy, x, w, b, residual, activation):
    return reference.linear_backward(dy, x, w, b, residual, None)


@mutant("conv")
def kernel_flipped(x, w, *rest):
    return reference.conv(x, w[..., ::-1], *rest)


@mutant("conv")
def last_tap_left_out(x, w, *rest):
    return reference.conv(x, zeroed(w, -1, slice(-1, None)), *rest)


@mutant("conv")
def channel_left_out(x, w, *rest):
    return reference.conv(x, zeroed(w, 1, slice(-1, None)), *rest) if w.size else None


@mutant("conv")
def neighbour_channels(x, w, *rest):
    return reference.conv(np.roll(x, 1, axis=-1 - len(rest[2])), w, *rest)


@mutant("conv")
def padding_off_by_one(x, w, b, residual, stride, padding, padding_end, *rest):
    if not padding_end[-1]:
        return None
    ahead, behind = (*padding[:-1], padding[-1] + 1), (*padding_end[:-1], padding_end[-1] - 1)
    if ahead[-1] >= x.shape[-1] and rest[2] != "zeros":
        return None
    return reference.conv(x, w, b, residual, stride, ahead, behind, *rest)


@mutant("conv")
def padding_mode_ignored(x, w, b, residual, stride, padding, padding_end, dilation, groups, mode, activation):
    return reference.conv(x, w, b, residual, stride, padding, padding_end, dilation, groups, "zeros", activation)


@mutant("conv")
def conv_bias_of_the_neighbour(x, w, b, *rest):
    return None if b is None else reference.conv(x, w, np.roll(b, 1), *rest)


@mutant("conv")
def conv_activation_left_out(*args):
    return reference.conv(*args[:-1], None)


@mutant_backward("conv")
def image_left_out(dy, x, w, b, residual, *rest):
    return reference.conv_backward(zeroed(dy, 0, slice(-1, None)), x, w, b, residual, *rest)


@mutant_backward("conv")
def last_output_column_left_out(dy, *args):
    return reference.conv_backward(zeroed(dy, -1, slice(-1, None)), *args)


@mutant_backward("conv")
def conv_derivative_left_out(dy, *args):
    return reference.conv_backward(dy, *args[:-1], None)


@mutant_backward("conv")
def gradient_of_padding_mode_ignored(dy, *args):
    return reference.conv_backward(dy, *args[:-2], "zeros", args[-1])
