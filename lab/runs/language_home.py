"""What a reader takes home of a lesson: the adapter's folder, made ready for each program that runs it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from lab.bases.lessons import lesson_called
from lab.runs.language_config import LanguageConfig, model_name
from lab.runs.language_snapshot import LanguageSnapshot
from lora_core.formats.model_card import Card
from lora_core.language.chat import open_chat
from lora_core.language.config import ModelConfig
from lora_core.language.home import FORMATS, take_home
from lora_core.language.places import ON_HUB, find_model
from lora_core.language.reader import folder_of, read_json
from lora_core.language.tokens import open_tokens


def make_ready(folder: Path, config: LanguageConfig, last: LanguageSnapshot) -> None:
    """Adds to a folder that `save_adapter` wrote a model card and the files of llama.cpp, Ollama and mlx-lm.

    A method whose update is no product of two thin matrices (DoRA) has PEFT's files and the card alone.
    """
    name = model_name()
    place = folder_of(name)
    tokenizer = open_tokens(place)
    chat = open_chat(place, tokenizer)
    with suppress(ValueError):
        take_home(
            folder,
            FORMATS,
            config=ModelConfig.from_json(read_json(place / "config.json")),
            card=card(config, last, name),
            base=f"./{find_model(name).name}",
            chat=chat,
            stop=[token for each in chat.stop if (token := tokenizer.id_to_token(each))],
        )


def card(config: LanguageConfig, last: LanguageSnapshot, name: str) -> Card:
    """The model card of a lesson's run."""
    lesson = lesson_called(config.lesson)
    measures: dict[str, str | int | float] = {}
    if last.losses:
        measures["loss of the last step"] = last.losses[-1]
    for step, loss in last.held_out:
        measures[f"loss on examples held out, step {step}"] = loss
    for step, scores in last.scores:
        measures |= {f"{mark}, step {step}": value for mark, value in scores.items()}
    return Card(
        name=f"{config.lesson}-r{config.rank}",
        base=ON_HUB.get(name, name),
        on_hub=name in ON_HUB,
        data=f'Pradit\'s lesson "{config.lesson}": {len(lesson.train()):,} examples.',
        settings={
            "method": config.method,
            "r": config.rank,
            "α": config.alpha,
            "learning rate": config.lr,
            "steps": last.step,
            "examples a step": config.batch,
            "longest example, tokens": config.longest,
            "seed": config.seed,
        },
        measures=measures | {"tokens read": last.tokens, "seconds": last.seconds},
    )
