"""The same training step in PyTorch, where it is installed: what the demo's speed is to be compared with."""

from __future__ import annotations

import time
from importlib.util import find_spec
from typing import Any

import numpy as np

import fastnets

__all__ = ["samples_per_second"]

WARMUP_STEPS, SECONDS = 5, 1.5


def samples_per_second(images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], batch: int) -> float | None:
    """Speed of the digits demo's steps in PyTorch, with as many threads; None where it is not installed."""
    if find_spec("torch") is None:
        return None
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(fastnets.info()["threads"])
    try:
        return _measured(torch, images, labels, batch)
    finally:
        torch.set_num_threads(threads)


def _measured(torch: Any, images: np.ndarray[Any, Any], labels: np.ndarray[Any, Any], batch: int) -> float:
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
    start, step = time.perf_counter(), -WARMUP_STEPS
    while step < 1 or time.perf_counter() - start < SECONDS:
        if step == 0:
            start = time.perf_counter()
        chosen = np.arange(step * batch, (step + 1) * batch) % len(labels)
        logits = model(torch.from_numpy(images[chosen]))
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(labels[chosen]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
    return step * batch / (time.perf_counter() - start)
