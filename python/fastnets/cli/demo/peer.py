"""The same training steps in PyTorch, where it is installed: what the demos' speeds are to be compared with."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import fastnets

__all__ = ["characters_per_second", "samples_per_second", "sentences_per_second", "tokens_per_second"]

WARMUP_STEPS, SECONDS = 5, 1.5

Array = np.ndarray[Any, Any]


def samples_per_second(images: Array, labels: Array, batch: int) -> float | None:
    """Speed of the digits demo's steps in PyTorch, with as many threads; None where it is not installed."""
    if find_spec("torch") is None:
        return None
    import torch

    model = torch.nn.Sequential(
        torch.nn.Conv2d(1, 32, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(32, 64, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.MaxPool2d(2),
        torch.nn.Dropout(0.25),
        torch.nn.Flatten(),
        torch.nn.Linear(1024, 128),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.5),
        torch.nn.Linear(128, 10),
    )
    optimizer = torch.optim.AdamW(model.parameters())

    def step(i: int) -> None:
        chosen = np.arange(i * batch, (i + 1) * batch) % len(labels)
        logits = model(torch.from_numpy(images[chosen]))
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return batch * _steps_per_second(torch, step)


def characters_per_second(cell: str, rows: Array, vocabulary: int, steps: int, sizes: dict[str, Any]) -> float | None:
    """Speed of the language demo's steps in PyTorch on streams of tokens; None where it is not installed."""
    if find_spec("torch") is None:
        return None
    import torch

    net = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}[cell]
    model = torch.nn.ModuleDict(
        {
            "embedding": torch.nn.Embedding(vocabulary, sizes["embedding_dim"]),
            "dropout": torch.nn.Dropout(sizes["dropout"]),
            "rnn": net(sizes["embedding_dim"], sizes["hidden_size"], batch_first=True),
            "decoder": torch.nn.Linear(sizes["hidden_size"], vocabulary),
        }
    )
    optimizer = torch.optim.AdamW(model.parameters())
    chunks = (rows.shape[1] - 1) // steps

    def step(i: int) -> None:
        at = i % chunks * steps
        tokens = torch.from_numpy(rows[:, at : at + steps + 1])
        output, _ = model["rnn"](model["dropout"](model["embedding"](tokens[:, :-1])))
        logits = model["decoder"](model["dropout"](output))
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, vocabulary), tokens[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return len(rows) * steps * _steps_per_second(torch, step)


def sentences_per_second(
    batches: list[tuple[Array, Array]], vocabularies: tuple[int, int], sizes: dict[str, Any]
) -> float | None:
    """Speed of the translate demo's steps in PyTorch on batches of tokens; None where it is not installed."""
    if find_spec("torch") is None:
        return None
    import torch

    width, longest = sizes["d_model"], max(max(source.shape[1], target.shape[1]) for source, target in batches)
    positions = torch.from_numpy(fastnets.functional.sinusoidal_positions(longest, width))
    model = torch.nn.ModuleDict(
        {
            "source": torch.nn.Embedding(vocabularies[0], width, padding_idx=0),
            "target": torch.nn.Embedding(vocabularies[1], width, padding_idx=0),
            "dropout": torch.nn.Dropout(sizes["dropout"]),
            "transformer": torch.nn.Transformer(**sizes, batch_first=True),
            "output": torch.nn.Linear(width, vocabularies[1]),
        }
    )
    model["output"].weight = model["target"].weight
    optimizer = torch.optim.AdamW(model.parameters())

    def embedded(name: str, tokens: Any) -> Any:
        return model["dropout"](model[name](tokens) * width**0.5 + positions[: tokens.shape[1]])

    def step(i: int) -> None:
        source, target = map(torch.from_numpy, batches[i % len(batches)])
        padding, before = source == 0, target[:, :-1]
        mask = torch.nn.Transformer.generate_square_subsequent_mask(before.shape[1])
        masks = {"src_key_padding_mask": padding, "memory_key_padding_mask": padding, "tgt_mask": mask}
        features = model["transformer"](
            embedded("source", source), embedded("target", before), **masks, tgt_is_causal=True
        )
        logits = model["output"](features).reshape(-1, vocabularies[1])
        loss = torch.nn.functional.cross_entropy(logits, target[:, 1:].reshape(-1), ignore_index=0, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return float(np.mean([len(source) for source, _ in batches])) * _steps_per_second(torch, step)


def tokens_per_second(folder: Path, texts: Sequence[Sequence[int]], batch: int) -> float | None:
    """Speed of transformers' model on texts of middle length, padded to the longest of them; padding is not counted."""
    if find_spec("torch") is None or find_spec("transformers") is None:
        return None
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    model = transformers.AutoModel.from_pretrained(folder).eval()
    by_length = sorted(texts, key=len)
    first = max(0, (len(by_length) - batch) // 2)
    chosen = by_length[first : first + batch]
    ids = torch.zeros(len(chosen), len(chosen[-1]), dtype=torch.int64)
    mask = torch.zeros_like(ids)
    for row, text in enumerate(chosen):
        ids[row, : len(text)], mask[row, : len(text)] = torch.tensor(text), 1

    def step(i: int) -> None:
        with torch.inference_mode():
            model(ids, mask)

    return sum(map(len, chosen)) * _steps_per_second(torch, step)


def _steps_per_second(torch: Any, step: Callable[[int], None]) -> float:
    threads = torch.get_num_threads()
    torch.set_num_threads(fastnets.info()["threads"])
    try:
        for i in range(WARMUP_STEPS):
            step(i)
        start, done = time.perf_counter(), 0
        while not done or time.perf_counter() - start < SECONDS:
            step(WARMUP_STEPS + done)
            done += 1
        return done / (time.perf_counter() - start)
    finally:
        torch.set_num_threads(threads)
