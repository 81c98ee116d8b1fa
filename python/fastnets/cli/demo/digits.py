"""A small CNN learns to read handwritten digits: the UCI data set, 1,797 images of 8 × 8 pixels."""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

import fastnets as fn
import fastnets.functional as F
from fastnets import arrays, nn, optim

from .. import console
from . import curves, ending, peer, pictures

__all__ = ["HELP", "Digits", "Training", "network", "run", "train"]

HELP = "a small CNN reads handwritten digits (under 20 s)"
Array = np.ndarray[Any, Any]

EPOCHS, BATCH = 24, 32
LEARNING_RATE, WEIGHT_DECAY, WARMUP_STEPS = 3e-3, 1e-2, 40
SHOWN = 4  # misread digits, as many as fit 80 columns

LOADING = """\
import fastnets as fn
from fastnets.cli.demo.digits import network

model = network()
model.load_state_dict(fn.io.load_safetensors({path!r}))
model.eval()

images, labels = fn.data.load_digits()
print("read as", model(images[:20]).argmax(axis=1))
print("labels ", labels[:20])"""


def network() -> nn.Sequential:
    """Two convolutions, two linear layers: (N, 1, 8, 8) images to (N, 10) logits."""
    return nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1, activation="relu"),
        nn.Conv2d(32, 64, 3, padding=1, activation="relu"),
        nn.MaxPool2d(2),
        nn.Dropout(0.25),
        nn.Flatten(),
        nn.Linear(1024, 128, activation="relu"),
        nn.Dropout(0.5),
        nn.Linear(128, 10),
    )


@dataclass(frozen=True)
class Digits:
    """The data set, every third image held out."""

    images: Array
    labels: Array
    held_out_images: Array
    held_out_labels: Array

    @classmethod
    def load(cls) -> Digits:
        images, labels = fn.data.load_digits()
        held_out = np.arange(len(labels)) % 3 == 2
        return cls(images[~held_out], labels[~held_out], images[held_out], labels[held_out])


@dataclass
class Training:
    """What became of a training: by epoch the mean loss and the held-out accuracy, and the steps' speed."""

    losses: list[float] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    samples_per_second: float = 0.0


def train(model: nn.Sequential, digits: Digits, epochs: int, seed: int, advance: console.Advance) -> Training:
    """Train the model in place with AdamW, a warmup and a cosine; `advance` hears of each epoch."""
    generator = np.random.default_rng(seed)
    optimizer = optim.AdamW(model, LEARNING_RATE, weight_decay=WEIGHT_DECAY, groups=optim.decay_groups(model))
    training, weight = Training(), next(model.parameters())
    steps = epochs * -(-len(digits.labels) // BATCH)
    step, seconds = 0, 0.0
    for _ in range(epochs):
        losses = []
        for batch in np.array_split(generator.permutation(len(digits.labels)), steps // epochs):
            images = arrays.from_numpy(shifted(digits.images[batch], generator), weight)
            labels = arrays.from_numpy(digits.labels[batch], weight)
            optimizer.lr = LEARNING_RATE * optim.warmup(step, WARMUP_STEPS) * optim.cosine(step, steps)
            start = time.perf_counter()
            logits, backward = model.vjp(images, input_gradient=False)
            loss, dlogits = fn.value_and_grad(F.cross_entropy, logits, labels)
            _, grads = backward(dlogits)
            optimizer.step(grads)
            seconds += time.perf_counter() - start
            losses.append(float(loss))
            step += 1
        training.losses.append(float(np.mean(losses)))
        training.accuracies.append(float(np.mean(read(model, digits.held_out_images) == digits.held_out_labels)))
        training.samples_per_second = len(training.losses) * len(digits.labels) / seconds
        advance(f"loss {training.losses[-1]:.3f}  held-out accuracy {training.accuracies[-1]:.1%}")
    return training


def read(model: nn.Sequential, images: Array) -> Array:
    """The digits that the model sees in the images; leaves it in training mode."""
    logits = model.eval()(arrays.from_numpy(images, next(model.parameters())))
    digits: Array = arrays.to_numpy(logits).argmax(axis=1)
    model.train()
    return digits


def shifted(images: Array, generator: np.random.Generator) -> Array:
    """Half of the images, drawn at random, moved by up to a pixel up or down and left or right."""
    N, _, H, W = images.shape
    moves = generator.integers(-1, 2, (2, N)) * (generator.random(N) < 0.5)
    padded = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)))
    rows, columns = (1 + move[:, np.newaxis] + np.arange(size) for move, size in zip(moves, (H, W), strict=True))
    moved: Array = padded[np.arange(N)[:, np.newaxis, np.newaxis], 0, rows[:, :, np.newaxis], columns[:, np.newaxis]]
    return moved[:, np.newaxis]


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train, test, show, save; returns what `--json` writes."""
    started = time.perf_counter()
    digits, epochs = Digits.load(), arguments.epochs or EPOCHS
    folder = Path(arguments.output).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    fn.random.seed(arguments.seed)
    model = network().to(arguments.device)
    print(
        f"digits: {len(digits.labels):,} images of 8 x 8 pixels to learn from, {len(digits.held_out_labels)} held out; "
        f"a CNN of {sum(parameter.size for parameter in model.parameters()):,} parameters"
    )
    with console.progress("training", epochs) as advance:
        training = train(model, digits, epochs, arguments.seed, advance)

    found = read(model, digits.held_out_images)
    misread = np.flatnonzero(found != digits.held_out_labels)
    accuracy = 1 - len(misread) / len(found)
    print(f"\ntest accuracy {accuracy:.2%}: {len(misread)} of {len(found)} held-out digits misread")
    if len(misread):
        shown = misread[:SHOWN]
        captions = [f"{digits.held_out_labels[i]} read as {found[i]}" for i in shown]
        pictures.show(digits.held_out_images[shown, 0], captions)

    result: dict[str, Any] = {
        "test_accuracy": accuracy,
        "misread": len(misread),
        "held_out": len(found),
        "epochs": epochs,
        "seed": arguments.seed,
        "losses": training.losses,
        "accuracies": training.accuracies,
        "samples_per_second": training.samples_per_second,
        "torch_samples_per_second": peer.samples_per_second(digits.images, digits.labels, BATCH),
        "files": [str(path) for path in _write(folder, model, training)],
    }
    result["seconds"] = time.perf_counter() - started
    left_out = dict(rich="no progress bar, no colours", matplotlib="no picture of the learning curve")
    ending.show(
        result, "samples", result["samples_per_second"], result["torch_samples_per_second"], LOADING, **left_out
    )
    return result


def _write(folder: Path, model: nn.Sequential, training: Training) -> list[Path]:
    """Save the model and the learning curve, as far as the packages for it are installed."""
    written = []
    if find_spec("safetensors"):
        written.append(folder / "digits.safetensors")
        fn.io.save_safetensors(model.state_dict(), written[-1])
    if find_spec("matplotlib"):
        written.append(folder / "digits.png")
        curves.draw(written[-1], "A small CNN on the UCI handwritten digits", training.losses, training.accuracies)
    return written
