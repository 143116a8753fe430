"""A fine-tuning run from a file of examples to a folder, which goes on where it was interrupted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from lora_core.config import AdapterConfig
from lora_core.formats.model_card import Card
from lora_core.formats.peft import CONFIG_FILE
from lora_core.language.chat import Chat, open_chat
from lora_core.language.data_files import read_data
from lora_core.language.examples import Encoded, Example, encode
from lora_core.language.finetune import Record, fine_tune
from lora_core.language.home import take_home
from lora_core.language.loss import held_out_loss
from lora_core.language.places import ON_HUB, find_model
from lora_core.language.reader import folder_of, open_model
from lora_core.language.resuming import Resumable, stoppable
from lora_core.language.speed import fast_dtype, opened_device
from lora_core.language.tokens import open_tokens
from lora_core.methods import method
from lora_core.saving import save_adapter

SAVED_EVERY = 30.0
"""Seconds after which the state is written anew."""


@dataclass(frozen=True)
class Wish:
    """What is asked for.

    Attributes:
        base: see `find_model`.
        data: what is trained on.
        out: folder of the adapter.
        adapter: its configuration.
        lr: learning rate.
        steps: how many.
        size: examples a step.
        longest: tokens at which an example is cut.
        seed: of the adapter's start, of the order of examples and of dropout.
        held: what the loss is measured on before and after, or None.
        formats: of `home.FORMATS`.
        device: torch's name; empty is a GPU if there is one.
        dtype: of the base, torch's name; empty is the faster one.
    """

    base: str
    data: Path
    out: Path
    adapter: AdapterConfig
    lr: float
    steps: int
    size: int = 8
    longest: int = 512
    seed: int = 0
    held: Path | None = None
    formats: tuple[str, ...] = ("peft",)
    device: str = ""
    dtype: str = ""

    def settings(self) -> dict[str, Any]:
        """All that the weights depend on, in JSON's types; files by their content."""
        names = ("base", "lr", "steps", "size", "longest", "seed")
        files = {"data": self.data, "eval": self.held}
        sums = {name: file and hashlib.sha256(file.read_bytes()).hexdigest() for name, file in files.items()}
        return {name: getattr(self, name) for name in names} | sums | asdict(self.adapter)


@dataclass(frozen=True)
class Outcome:
    """How a run ended; what is not known is None.

    Attributes:
        steps: updates made.
        train_loss: of the last step's batch, before its update.
        eval_loss_before, eval_loss_after: on the held-out file.
        seconds: of training.
        tokens: read in training, without padding.
        peak_mb: the most memory in use at a time while training.
        out: the folder.
    """

    steps: int
    train_loss: float
    eval_loss_before: float | None
    eval_loss_after: float | None
    seconds: float
    tokens: int
    peak_mb: float | None
    out: str


class Interrupted(KeyboardInterrupt):
    """The run was stopped and its state is written: the same wish goes on from there."""


def run(
    wish: Wish, show: Callable[[Record], None], say: Callable[[str], None]
) -> tuple[Outcome, Mapping[str, str]]:
    """Trains, and writes the folder.

    Args:
        wish: what is asked for.
        show: called after each step.
        say: called with a line that the reader should know.

    Returns:
        How it ended, and of each format a command that runs it.

    Raises:
        ValueError: something of what is asked for cannot be; the message says what would do. Or the loss was
            lost, and the folder then holds the last good adapter.
        Interrupted: by SIGINT or SIGTERM, between two steps.
    """
    _refuse(wish)
    device = opened_device(wish.device)
    resumable = Resumable(wish.out, wish.settings())
    folder = folder_of(wish.base)
    tokenizer = open_tokens(folder)
    examples = read_data(wish.data)
    held = [] if wish.held is None else read_data(wish.held)
    chat = _chat(folder, tokenizer, [*examples, *held])
    encoded = _encoded(examples, tokenizer, chat, wish.longest, wish.data, say)
    measured = _encoded(held, tokenizer, chat, wish.longest, wish.held, say) if wish.held else []
    counted: dict[str, Any] = {"tokens": 0, "seconds": 0.0, "peak": 0, **resumable.counted}
    chosen = wish.dtype or counted.get("dtype") or str(fast_dtype(str(device)))
    counted["dtype"] = chosen.removeprefix("torch.")
    model = open_model(wish.base, getattr(torch, counted["dtype"])).to(device)
    if measured and "before" not in counted:
        counted["before"] = held_out_loss(model, measured, chat.padding, size=wish.size)
    if resumable.step:
        say(f"going on after step {resumable.step} of {wish.steps}")
    wish.out.mkdir(parents=True, exist_ok=True)
    record, read, written = None, dict(counted), time.monotonic()
    torch.manual_seed(wish.seed)  # dropout draws from torch's own generator
    records = fine_tune(
        model,
        encoded,
        wish.adapter,
        lr=wish.lr,
        steps=wish.steps,
        padding=chat.padding,
        generator=torch.Generator().manual_seed(wish.seed),
        size=wish.size,
        held_out=measured,
        begin=lambda optimizer: resumable.begin(model, optimizer),
    )
    with stoppable() as stopped:
        for record in records:
            read["tokens"] = counted["tokens"] + record.tokens
            read["seconds"] = counted["seconds"] + record.tokens / record.speed
            read["peak"] = max(counted["peak"], record.peak)
            show(record)
            if record.ended or record.step == wish.steps:
                continue
            if stopped() or time.monotonic() - written > SAVED_EVERY:
                resumable.save(record.step, **read)
                written = time.monotonic()
            if stopped():
                raise Interrupted(f"stopped after step {record.step} of {wish.steps}")
    assert record is not None
    outcome = Outcome(
        steps=record.step,
        train_loss=record.loss,
        eval_loss_before=read.get("before"),
        eval_loss_after=record.held_out,
        seconds=round(read["seconds"], 3),
        tokens=read["tokens"],
        peak_mb=round(read["peak"] / 1e6, 1) or None,
        out=str(wish.out),
    )
    if record.ended and not record.step:
        raise ValueError(
            f"the {record.ended} of the first step is not finite; try a lower --lr than {wish.lr:g}"
        )
    save_adapter(model, wish.out, base=ON_HUB.get(wish.base, wish.base))
    commands = take_home(
        wish.out,
        wish.formats,
        config=model.config,
        card=card(wish, outcome, len(encoded), counted["dtype"]),
        base=str(find_model(wish.base).resolve()),
        chat=chat,
        stop=[token for place in chat.stop if (token := tokenizer.id_to_token(place))],
    )
    resumable.remove()
    if record.ended:
        raise ValueError(
            f"the {record.ended} of step {record.step + 1} is not finite; {wish.out} holds the adapter of "
            f"step {record.step}; try a lower --lr than {wish.lr:g}"
        )
    return outcome, commands


def card(wish: Wish, outcome: Outcome, examples: int, dtype: str) -> Card:
    """The model card of the run."""
    adapter = wish.adapter
    targets = adapter.targets if isinstance(adapter.targets, str) else ", ".join(adapter.targets)
    measures: dict[str, str | int | float] = {"loss of the last step": outcome.train_loss}
    for name, value in (("before", outcome.eval_loss_before), ("after", outcome.eval_loss_after)):
        if value is not None:
            measures[f"loss on {wish.held.name if wish.held else ''}, {name}"] = value
    return Card(
        name=wish.out.resolve().name,
        base=ON_HUB.get(wish.base, wish.base),
        on_hub=wish.base in ON_HUB,
        data=f"{examples:,} examples of {wish.data.name}.",
        settings={
            "method": adapter.method,
            "r": adapter.rank,
            "α": adapter.alpha,
            "dropout": adapter.dropout,
            "target modules": targets,
            "learning rate": wish.lr,
            "steps": outcome.steps,
            "examples a step": wish.size,
            "longest example, tokens": wish.longest,
            "seed": wish.seed,
            "type of the base's weights": dtype,
        },
        measures=measures | {"tokens read": outcome.tokens, "seconds": outcome.seconds},
    )


def _refuse(wish: Wish) -> None:
    """Raises ValueError for what can be told before anything is opened."""
    for name in ("steps", "size", "longest"):
        if getattr(wish, name) < 1:
            raise ValueError(
                f"--{'batch' if name == 'size' else name} is {getattr(wish, name)}, expected 1 or more"
            )
    if not wish.lr > 0:
        raise ValueError(f"--lr is {wish.lr:g}, expected above 0, such as 1e-3")
    if not method(wish.adapter.method).additive and set(wish.formats) != {"peft"}:
        raise ValueError(
            f"what {wish.adapter.method} learns is no product of two thin matrices, and adapters in GGUF and "
            "for MLX hold nothing else; take --format peft, and afterwards pradit merge"
        )
    if wish.out.exists() and not wish.out.is_dir():
        raise ValueError(f"--out {wish.out} is a file, expected a folder")
    if (wish.out / CONFIG_FILE).exists():
        raise ValueError(f"--out {wish.out} holds an adapter already; choose another folder, or remove it")


def _chat(folder: Path, tokenizer: Tokenizer, examples: list[Example]) -> Chat:
    """The model's chat format; a model without one can still be trained on plain text."""
    try:
        return open_chat(folder, tokenizer)
    except ValueError as error:
        if any(example.messages for example in examples):
            raise ValueError(f"{error}; a model without one learns from plain text (.txt)") from None
        return Chat("", {}, (), 0)


def _encoded(
    examples: list[Example],
    tokenizer: Tokenizer,
    chat: Chat,
    longest: int,
    path: Path,
    say: Callable[[str], None],
) -> list[Encoded]:
    """Those that keep something to train on; raises ValueError if none does."""
    found, cut = [], 0
    for example in examples:
        whole = encode(example, tokenizer, chat, longest=10**9)
        cut += len(whole.ids) > longest
        if any(whole.trained[:longest]):
            found.append(Encoded(whole.ids[:longest], whole.trained[:longest]))
    if not found:
        raise ValueError(f"no answer in {path} begins within {longest} tokens; raise --longest")
    if cut:
        out = len(examples) - len(found)
        say(
            f"{path.name}: {cut} of {len(examples)} examples are cut at {longest} tokens, "
            f"{out} of them left out"
        )
    return found
