"""A training run that goes on where it was interrupted: adapter, optimiser, step, random state in one file.

The file is safetensors, its JSON in the head: nothing in it can run code. It is written whole and then put in
place, so an interrupt leaves the last whole one.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from lora_core.adapter import adapted_layers

FILE = "resume.safetensors"


class Resumable:
    """The state of one run in a folder.

    Args:
        folder: where FILE stands or will.
        settings: all that the run depends on, in JSON's types; another run's state is not taken.

    Attributes:
        counted: what the caller keeps beside, numbers by name; empty at the start of a run.
        step: updates made so far.

    Raises:
        ValueError: the file is of a run with other settings, or cannot be read.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.path, self.settings = folder / FILE, json.loads(json.dumps(settings))
        self.step, self.counted, self._groups = 0, dict[str, Any](), list[dict[str, Any]]()
        self._model: nn.Module | None = None
        self._optimizer: torch.optim.Optimizer | None = None
        if self.path.exists():
            self._read_head()

    def _read_head(self) -> None:
        remedy = f"remove {self.path} to begin anew"
        try:
            with safe_open(self.path, "pt") as file:
                head = json.loads((file.metadata() or {})["state"])
            settings, self.step, self.counted = head["settings"], head["step"], head["counted"]
            self._groups = head["groups"]
        except (SafetensorError, ValueError, KeyError) as error:
            raise ValueError(f"{self.path} cannot be read ({error}); {remedy}") from None
        for name in sorted({*settings, *self.settings}):
            old, new = settings.get(name), self.settings.get(name)
            if old != new:
                raise ValueError(
                    f"the interrupted run in {self.path.parent} had {name} {old!r}, not {new!r}; give it the "
                    f"same to go on, or {remedy}"
                )

    def begin(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> int:
        """Puts the state into a fresh adapter and its fresh optimiser; returns the steps made."""
        self._model, self._optimizer = model, optimizer
        if not self.path.exists():
            return 0
        with safe_open(self.path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        for name, held in _adapter(model).items():
            held.copy_(tensors[f"adapter.{name}"])
        fresh = optimizer.state_dict()
        groups = [
            {**group, **saved} for group, saved in zip(fresh["param_groups"], self._groups, strict=True)
        ]
        state: dict[int, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            kind, place, part = (*name.split(".", 2), "", "")[:3]
            if kind in ("optimizer", "number"):
                state.setdefault(int(place), {})[part] = tensor if kind == "optimizer" else tensor.item()
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        torch.set_rng_state(tensors["random"])
        if "random_cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random_cuda"])
        return self.step

    def save(self, step: int, **counted: Any) -> None:
        """Writes the state after a step; `begin` has been called.

        Args:
            step: updates made so far.
            counted: what is found in `counted` when the run goes on.
        """
        assert self._model is not None
        assert self._optimizer is not None
        state = self._optimizer.state_dict()
        tensors = {f"adapter.{name}": held for name, held in _adapter(self._model).items()}
        for place, parts in state["state"].items():
            for part, value in parts.items():
                if isinstance(value, Tensor):
                    tensors[f"optimizer.{place}.{part}"] = value
                else:
                    tensors[f"number.{place}.{part}"] = torch.tensor(value)
        tensors["random"] = torch.get_rng_state()
        if torch.cuda.is_available():
            tensors["random_cuda"] = torch.cuda.get_rng_state()
        groups = [
            {name: value for name, value in group.items() if type(value) in (int, bool)}
            for group in state["param_groups"]
        ]
        head = {"settings": self.settings, "step": step, "counted": counted, "groups": groups}
        beside = self.path.with_suffix(".partial")
        save_file(
            {name: tensor.detach().contiguous() for name, tensor in tensors.items()},
            beside,
            {"state": json.dumps(head)},
        )
        os.replace(beside, self.path)

    def remove(self) -> None:
        """Removes the file: the run is over."""
        self.path.unlink(missing_ok=True)


def _adapter(model: nn.Module) -> dict[str, Tensor]:
    """What the adapter's layers hold beside the base: factors, and what their method adds."""
    return {
        f"{name}.{part}": held.detach()
        for name, layer in adapted_layers(model).items()
        for part, held in layer.state_dict().items()
        if not part.startswith("base.")
    }


@contextmanager
def stoppable() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM came, so that a step is not torn; a second one stops at once."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    came = False

    def note(number: int, frame: Any) -> None:
        nonlocal came
        if came:
            raise KeyboardInterrupt
        came = True

    before = {kind: signal.signal(kind, note) for kind in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: came
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
