"""Recurrent nets, by torch's functions on packed sequences or whole ones."""

import torch


def serves(case):
    """No sequence of no steps, no zoneout, no dropout of a last layer, nothing empty."""
    *_, dropout, zoneout, training, _ = case.parameters
    if case.inputs[3] is not None and case.inputs[3].shape[0] > 5:
        return False
    return not zoneout and not (dropout and training) and 0 not in case.inputs[0].shape and case.inputs[4].shape[0] > 0


def torch_recurrent(x, h, c, lengths, *rest):
    weights, (cell, layout, *_) = rest[:10], rest[10:]
    hidden, outputs = weights[1].shape[0] // {"lstm": 4, "gru": 3}.get(cell, 1), weights[1].shape[1]
    if layout == "step":
        batch = x.shape[:-1]
        h = torch.zeros(*batch, hidden, dtype=x.dtype) if h is None else h
        if cell == "lstm":
            c = torch.zeros(*batch, hidden, dtype=x.dtype) if c is None else c
            unbatched = x.dim() == 1
            given = [t[None] if unbatched else t for t in (x, h, c)]
            h, c = torch.lstm_cell(given[0], given[1:], *weights[:4])
            return (h[0], None, c[0]) if unbatched else (h, None, c)
        if x.dim() == 1:
            return getattr(torch, cell + "_cell")(x[None], h[None], *weights[:4])[0], None, None
        return getattr(torch, cell + "_cell")(x, h, *weights[:4]), None, None
    is_batched, directions = x.dim() == 3, 1 + (weights[5] is not None)
    first = layout == "batch_first" and is_batched
    x = x if is_batched else x[:, None]
    batch = x.shape[0 if first else 1]
    h, c = (
        torch.zeros(directions, batch, size, dtype=x.dtype) if s is None else s if is_batched else s[:, None]
        for s, size in ((h, outputs), (c, hidden))
    )
    flat = [w for w in weights if w is not None]
    function, states = getattr(torch._VF, cell), (h, c) if cell == "lstm" else h
    options = (weights[2] is not None, 1, 0.0, False, directions == 2)
    if lengths is None:
        y, *last = function(x, states, flat, *options, first)
    else:
        packed = torch.nn.utils.rnn.pack_padded_sequence(x, lengths, first, enforce_sorted=False)
        order = packed.sorted_indices
        states = tuple(s[:, order] for s in states) if cell == "lstm" else states[:, order]
        y, *last = function(packed.data, packed.batch_sizes, states, flat, *options)
        packed = torch.nn.utils.rnn.PackedSequence(y, packed.batch_sizes, order, packed.unsorted_indices)
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(packed, first, total_length=x.shape[1 if first else 0])
        last = [s[:, packed.unsorted_indices] for s in last]
    if not is_batched:
        y, last = y[:, 0], [s[:, 0] for s in last]
    return (y, *last, *[None] * (2 - len(last)))


TORCH = {"recurrent": torch_recurrent}
