"""What a base is fine-tuned to do: real data, three splits, a loss, and something to look at.

``train`` trains, ``validation`` chose the default learning rates, ``test`` did neither: a run reports it.
The data are vendored in ``data/`` (origin and licences: ``data/README.md``).
"""

from __future__ import annotations

import lzma
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor, nn

from lab.bases.models import decode, encode
from lab.bases.registry import base_of
from lab.data import DATA

Split = Literal["train", "validation", "test"]
Batch = tuple[Tensor, Tensor]
CONTEXT = 64


@dataclass(frozen=True)
class TextTask:
    """Characters to continue. Loss in nats a character.

    Attributes:
        splits: indices into the vocabulary, int64 (n,): one text, cut into train, validation, test.
        prompt: what a sample starts from.
    """

    splits: dict[Split, Tensor]
    prompt: str

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """``windows`` from anywhere in the training text: (size, T) each."""
        text = self.splits["train"]
        starts = torch.randint(len(text) - CONTEXT, (size,), generator=generator)
        return windows(text, starts)

    def examples(self, split: Split, count: int = 32) -> Batch:
        """``count`` windows spread evenly over a split, always the same: (count, T) each."""
        text = self.splits[split]
        return windows(text, torch.linspace(0, len(text) - CONTEXT - 1, count).long())


@dataclass(frozen=True)
class ImageTask:
    """Pictures of 14 x 14 to tell apart. Loss in nats a picture.

    Attributes:
        splits: pixels, uint8 (n, 196), and classes, int64 (n,).
    """

    splits: dict[Split, Batch]

    def batch(self, size: int, generator: torch.Generator) -> Batch:
        """Pictures (size, 196), centred and scaled, and classes (size,)."""
        pixels, labels = self.splits["train"]
        chosen = torch.randint(len(labels), (size,), generator=generator)
        return scaled(pixels[chosen]), labels[chosen]

    def examples(self, split: Split, count: int = 1000) -> Batch:
        """The first ``count`` pictures of a split, centred and scaled, and their classes."""
        pixels, labels = self.splits[split]
        return scaled(pixels[:count]), labels[:count]

    def pictures(self, split: Split, count: int) -> dict[str, NDArray[np.float32]]:
        """The first pictures, to look at: ``images`` (count, 14, 14), 0 to 1, and ``labels`` (count,)."""
        pixels, labels = self.splits[split]
        images = (pixels[:count].float() / 255).view(-1, 14, 14)
        return {"images": images.numpy(), "labels": labels[:count].float().numpy()}


def windows(text: Tensor, starts: Tensor) -> Batch:
    """What is read from each start in a text (n,), and the same one character on: (n, T) each."""
    found = text[starts[:, None] + torch.arange(CONTEXT + 1)]  # (n, T + 1)
    return found[:, :-1], found[:, 1:]


def scaled(pixels: Tensor) -> Tensor:
    """Pixels 0…255 to about zero mean and unit variance, as the MLP reads them."""
    return (pixels.float() / 255 - 0.2) / 0.33


def loss_of(model: nn.Module, batch: Batch) -> Tensor:
    """Mean cross-entropy in nats over characters or pictures, a scalar."""
    inputs, targets = batch
    return F.cross_entropy(model(inputs).flatten(0, -2), targets.flatten())


@torch.no_grad()
def evaluate(model: nn.Module, examples: Batch) -> tuple[float, float | None]:
    """Mean loss in nats and, for pictures, the share classified rightly."""
    inputs, targets = examples
    logits = model(inputs)
    loss = F.cross_entropy(logits.flatten(0, -2), targets.flatten()).item()
    return loss, None if targets.dim() > 1 else (logits.argmax(1) == targets).float().mean().item()


def read_text(name: str) -> str:
    return lzma.decompress((DATA / f"{name}.txt.xz").read_bytes()).decode()


def read_pictures(name: str) -> dict[str, NDArray[np.uint8]]:
    """``train_images`` and ``test_images`` (n, 196), ``train_labels`` and ``test_labels`` (n,)."""
    with np.load(DATA / f"{name}.npz", allow_pickle=False) as arrays:
        return dict(arrays)


def rotated(pixels: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    """Pictures (n, 196) turned about their centre, with linear interpolation."""
    turned = ndimage.rotate(pixels.reshape(-1, 14, 14), degrees, axes=(1, 2), reshape=False, order=1)
    return np.asarray(turned.reshape(-1, 196))


def text_task(name: str, prompt: str) -> TextTask:
    text = encode(read_text(name))
    first, second = len(text) * 90 // 100, len(text) * 95 // 100
    return TextTask({"train": text[:first], "validation": text[first:second], "test": text[second:]}, prompt)


def image_task(name: str, degrees: float = 0) -> ImageTask:
    """The original training set trains; its test set is cut in two, first validation and then test."""
    arrays = read_pictures(name)
    if degrees:
        arrays |= {key: rotated(arrays[key], degrees) for key in ("train_images", "test_images")}
    tensors = {key: torch.from_numpy(array) for key, array in arrays.items()}
    images, labels = tensors["test_images"], tensors["test_labels"].long()
    half = len(labels) // 2
    return ImageTask(
        {
            "train": (tensors["train_images"], tensors["train_labels"].long()),
            "validation": (images[:half], labels[:half]),
            "test": (images[half:], labels[half:]),
        }
    )


def load_task(name: str) -> TextTask | ImageTask:
    """A task by name, read once a process.

    Raises:
        ConfigError: (a ValueError) no base teaches a task of this name; lists those that exist.
    """
    return _loaded(base_of(name).lesson(name).load)


@cache
def _loaded(load: Callable[[], TextTask | ImageTask]) -> TextTask | ImageTask:
    return load()


@torch.no_grad()
def sample(model: nn.Module, prompt: str, length: int = 120, seed: int = 0) -> str:
    """The prompt (without leading new lines) and what the model continues it with, at temperature 1.

    The seed fixes one uniform number a character, on the CPU: two samples differ by their weights alone.
    """
    device = next(model.parameters()).device
    context = getattr(model, "context", CONTEXT)
    uniform = torch.rand(length, generator=torch.Generator().manual_seed(seed)).to(device)
    text = torch.empty(len(prompt) + length, dtype=torch.int64, device=device)
    text[: len(prompt)] = encode(prompt)
    for end in range(len(prompt), len(text)):
        logits = model(text[None, max(0, end - context) : end])[0, -1]  # (V,)
        cumulative = logits.float().softmax(0).cumsum(0)
        text[end] = (cumulative < uniform[end - len(prompt)]).sum().clamp(max=len(logits) - 1)
    return decode(text).lstrip("\n")
