"""Beam search: the best of what a model can write, a few beginnings at a time."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import numpy as np

__all__ = ["Generation", "Writer", "beam_search"]

Tokens = np.ndarray[Any, np.dtype[np.int64]]
Floats = np.ndarray[Any, np.dtype[np.float64]]


class Generation(NamedTuple):
    """What a model wrote.

    Attributes
    ----------
    tokens : numpy.ndarray (N, T), int64
        Filled up behind each end.
    scores : numpy.ndarray (N,), float64
        Log-probabilities over their length penalty.
    """

    tokens: Tokens
    scores: Floats


class Writer(Protocol):
    """What is searched: a model with what it is to go on from, one row for each of `batch` at first."""

    batch: int
    end: int
    pad: int

    def logits(self) -> Floats:
        """Of the next token of each row, (rows, vocabulary)."""

    def go_on(self, rows: Tokens, tokens: Tokens) -> None:
        """Let row i go on from row ``rows[i]`` with ``tokens[i]`` behind it."""


def beam_search(writer: Writer, num_beams: int, length_penalty: float, max_length: int) -> Generation:
    """Follow the `num_beams` beginnings of the largest scores, ended ones among them, until all have ended.

    A score is a log-probability over ``((5 + length) / 6) ** length_penalty``. Each of the batch is searched by itself,
    whatever the others are.

    Parameters
    ----------
    writer : Writer
    num_beams, max_length : int
        At least 1.
    length_penalty : float
        At least 0.

    Returns
    -------
    Generation
        The best of each.
    """
    N, beams = writer.batch, 1
    tokens, scores = np.full((N, max_length), writer.pad, np.int64), np.full(N, -np.inf)
    searched = np.arange(N)  # those of the batch that have a beginning without an end
    written = np.empty((N, 1, 0), np.int64)
    totals, lengths, ended = np.zeros((N, 1)), np.zeros((N, 1), np.int64), np.zeros((N, 1), bool)
    for step in range(max_length):
        following = _log_softmax(writer.logits()).reshape(len(searched), beams, -1)
        following[ended] = -np.inf
        following[ended, writer.pad] = 0.0  # what has ended goes on as it is
        candidates, longer = totals[..., np.newaxis] + following, lengths + ~ended
        ranked = (candidates / _penalty(longer, length_penalty)[..., np.newaxis]).reshape(len(searched), -1)
        best = _largest(ranked, num_beams)
        parents, last = np.divmod(best, following.shape[-1])
        each = np.arange(len(searched))[:, np.newaxis]
        rows = each * beams + parents
        totals = np.take_along_axis(candidates.reshape(len(searched), -1), best, 1)
        lengths, ended = (np.take_along_axis(array, parents, 1) for array in (longer, ended))
        written = np.concatenate([written[each, parents], last[..., np.newaxis]], axis=2)
        ended, beams = ended | (last == writer.end) | np.isneginf(totals), best.shape[1]

        found = ended.all(1) | (step + 1 == max_length)
        final = totals[found] / _penalty(lengths[found], length_penalty)
        choice = np.arange(len(final)), final.argmax(1)
        tokens[searched[found], : step + 1], scores[searched[found]] = written[found][choice], final[choice]
        if found.all():
            break
        searched, rows, last, written, totals, lengths, ended = (
            array[~found] for array in (searched, rows, last, written, totals, lengths, ended)
        )
        writer.go_on(rows.reshape(-1), last.reshape(-1))
    return Generation(tokens[:, : step + 1], scores)


def _largest(values: Floats, count: int) -> Tokens:
    """Where the largest of each row are, in falling order."""
    if count < values.shape[1]:
        found = np.sort(np.argpartition(-values, count - 1, axis=1)[:, :count], axis=1)
    else:
        found = np.broadcast_to(np.arange(values.shape[1]), values.shape)
    order = np.argsort(-np.take_along_axis(values, found, 1), axis=1, kind="stable")
    return np.take_along_axis(found, order, 1)


def _penalty(lengths: Tokens, exponent: float) -> Floats:
    penalty: Floats = ((5 + lengths) / 6) ** exponent
    return penalty


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(-1, keepdims=True)
    log_probabilities: Floats = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    return log_probabilities
