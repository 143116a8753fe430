"""A lesson is taught to a language model, step by step: losses, answers, and what was learned in the end.

    python -m lab.runs.language_run json --method lora    # records a run in results/language-json.json

What is computed depends on configuration and device alone; the clock only decides how often it is shown.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import date
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from lab.bases.lessons import LESSONS, lesson_called
from lab.bases.lessons.lesson import Question
from lab.bases.lessons.reward import QUESTIONS, ask
from lab.runs.device import pick_device
from lab.runs.language_answers import Speaker
from lab.runs.language_config import LanguageConfig, model_name
from lab.runs.language_record import RecordedRun, record_path, write_run
from lab.runs.language_reward import reinforce
from lab.runs.language_snapshot import Answers, LanguageSnapshot
from lab.runs.snapshot import State
from lora_core.adapter import attach, detach, merge, optimizer_for, unmerge
from lora_core.language.chat import open_chat
from lora_core.language.data_files import examples_of, held_out
from lora_core.language.examples import Encoded, Example, encode
from lora_core.language.finetune import fine_tune
from lora_core.language.full import full_optimizer
from lora_core.language.loss import held_out_loss
from lora_core.language.reader import folder_of, open_model
from lora_core.language.tokens import open_tokens
from lora_core.saving import save_adapter

FIRST_ANSWERS = 2.0
"""Seconds of training before the first new answers: they stand within 8 seconds of the press."""
ASKED_AT_ONCE = 16
HELD = 32
"""Examples at most whose loss is measured."""


@cache
def open_speaker(name: str, dtype: torch.dtype | None = None) -> Speaker:
    """The model of a name with its tokens and chat format, once a process; runs leave it as it was.

    Raises:
        ValueError: it is not there, or not of a shape that fits; the message says which.
    """
    folder = folder_of(name)
    tokenizer = open_tokens(folder)
    return Speaker(open_model(name, dtype), tokenizer, open_chat(folder, tokenizer))


def language_run(
    config: LanguageConfig,
    *,
    examples: Sequence[Example] = (),
    held: Sequence[Example] = (),
    questions: Sequence[str] = (),
    name: str | None = None,
    dtype: torch.dtype | None = None,
    device: str = "cpu",
    every: float = 0.5,
    stop: Callable[[], bool] = lambda: False,
    adapter_folder: Path | None = None,
    measure_base: bool = False,
    answer_at: Collection[int] | None = None,
) -> Iterator[LanguageSnapshot]:
    """Trains and yields snapshots: the base's answers, then at most one per `every` seconds, then the last.

    Args:
        config: the lesson and its settings.
        examples: of the reader's own text; the lesson's unless given.
        held: examples that only measure the loss, likewise.
        questions: what the page follows; the lesson's unless given.
        name: of the model, `model_name()` unless given.
        dtype: of its weights; None keeps the file's.
        device: see `pick_device`.
        every: seconds between two snapshots.
        stop: asked between any two steps; the run ends with state "stopped" once it says True.
        adapter_folder: where the adapter is saved, in PEFT's format, before the last snapshot (stopped runs
            too). Nothing is saved when the run diverged or is full fine-tuning.
        measure_base: also measure the base, before training.
        answer_at: steps after which the questions are asked; None leaves it to the clock.

    Raises:
        ValueError: at the first snapshot: no such model, no examples, or what the method refuses.
        OSError: after the last snapshot, when the adapter cannot be saved.
    """
    name, device = name or model_name(), pick_device(device)
    if config.text and not examples:
        examples, held, questions = of_own_text(config)
    speaker = open_speaker(name, dtype)
    shared = config.method not in ("full", "qlora")  # these change the base's weights
    if not shared:
        speaker = speaker._replace(model=open_model(name, dtype))
    speaker.model.to(device)
    run = _Run(config, speaker, examples, held, questions)
    try:
        run.answer()
        if measure_base:
            run.measure()
        yield run.snapshot("running")
        state: State = "done"
        told = time.perf_counter()
        for ended in run.steps():
            if ended is not None:
                state, run.reason = "diverged", ended
                break
            if run.answers_are_due() if answer_at is None else run.step in answer_at:
                run.answer()
            if stop():
                state = "stopped"
                break
            if run.step < config.steps and time.perf_counter() - told >= every:
                yield run.snapshot("running")
                told = time.perf_counter()
        unsaved: OSError | None = None
        if adapter_folder is not None and config.adapter is not None and state != "diverged":
            try:
                save_adapter(speaker.model, adapter_folder, base=name)
            except OSError as error:  # the run shall not be lost with it
                unsaved = error
        if state != "diverged":
            run.answer()
            run.measure()
        yield run.snapshot(state)
        if unsaved:
            raise unsaved
    finally:
        if shared:
            with suppress(ValueError):  # where no adapter came to be attached
                detach(speaker.model)


def of_own_text(config: LanguageConfig) -> tuple[list[Example], list[Example], list[str]]:
    """What the reader's text holds: examples, those held out, and up to three questions of the latter.

    Raises:
        DataError: (a ValueError) it cannot be trained on.
    """
    generator = torch.Generator().manual_seed(config.seed)
    kept, held = held_out(examples_of(config.text.encode(), config.file), generator)
    asked = [m["content"] for each in held for m in each.messages if m["role"] == "user"]
    return kept, held, list(dict.fromkeys(asked))[:3]


class _Run:
    """A run between two of its steps."""

    def __init__(
        self,
        config: LanguageConfig,
        speaker: Speaker,
        examples: Sequence[Example],
        held: Sequence[Example],
        questions: Sequence[str],
    ) -> None:
        self.started = time.perf_counter()
        self.config, self.speaker = config, speaker
        self.lesson = lesson_called(config.lesson)
        self.train = self._encoded(examples or self.lesson.train())
        self.held = self._encoded((held or self.lesson.held())[:HELD])
        self.shown = [Question(text) for text in questions] if questions else list(self.lesson.shown)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step = self.tokens = self.peak = self.numbers = 0
        self.speed = 0.0
        self.losses: list[float] = []
        self.rewards: list[float] = []
        self.held_out: list[tuple[int, float]] = []
        self.answers: list[Answers] = []
        self.scores: list[tuple[int, dict[str, float]]] = []
        self.kept: list[tuple[int, dict[str, float]]] = []
        self.reason: str | None = None
        self.answered = self.cost = 0.0  # when the last answers stood, and the seconds they took

    def _encoded(self, examples: Sequence[Example]) -> list[Encoded]:
        """Those of which something is left to train on within the longest."""
        found = []
        for example in examples:
            try:
                found.append(
                    encode(example, self.speaker.tokenizer, self.speaker.chat, longest=self.config.longest)
                )
            except ValueError:
                if example.messages and self.config.lesson != "own":
                    raise
        return found

    def steps(self) -> Iterator[str | None]:
        """Trains; after each step None, or why there is no further one."""
        config, model = self.config, self.speaker.model
        records: Iterator[Any]
        if self.lesson.kind == "reward":
            records = self._by_reward()
        else:
            records = fine_tune(
                model,
                self.train,
                config.adapter,
                lr=config.lr,
                steps=config.steps,
                padding=self.speaker.chat.padding,
                generator=self.generator,
                size=config.batch,
            )
        self.answered = time.perf_counter()
        for record in records:
            self.step, self.tokens, self.speed = record.step, record.tokens, record.speed
            self.peak = record.peak
            self.numbers = self.numbers or sum(p.numel() for p in model.parameters() if p.requires_grad)
            if record.ended is None:
                (self.rewards if self.lesson.kind == "reward" else self.losses).append(_measured(record))
            yield record.ended

    def _by_reward(self) -> Iterator[Any]:
        config, model = self.config, self.speaker.model
        if config.adapter is None:
            optimizer = full_optimizer(model, lr=config.lr)
        else:
            attach(model, config.adapter, generator=self.generator)
            optimizer = optimizer_for(model, config.adapter, lr=config.lr, steps=config.steps, fused=True)
        return reinforce(
            self.speaker,
            optimizer,
            [ask(text) for text in QUESTIONS],
            answers=config.batch,
            steps=config.steps,
            most=self.lesson.answer,
            generator=self.generator,
        )

    def answers_are_due(self) -> bool:
        """The first after FIRST_ANSWERS seconds, further ones so that asking takes a quarter of the time."""
        wait = FIRST_ANSWERS if len(self.answers) == 1 else 3 * self.cost
        return self.step < self.config.steps and time.perf_counter() - self.answered >= wait

    def answer(self) -> None:
        """Asks the questions that are shown."""
        if not self.shown or (self.answers and self.answers[-1].step == self.step):
            return
        begin = time.perf_counter()
        texts = self._ask(self.shown)
        judged = [dict(self.lesson.judge(*each)) for each in zip(self.shown, texts, strict=True)]
        self.answers.append(Answers(self.step, texts, judged if self.lesson.kind != "own" else []))
        self.answered = time.perf_counter()
        self.cost = self.answered - begin

    def measure(self) -> None:
        """Asks the lesson's own questions and the control questions, and measures the loss held out."""
        if self.held:
            loss = held_out_loss(self.speaker.model, self.held, self.speaker.chat.padding)
            self.held_out.append((self.step, loss))
        for questions, scores in ((self.lesson.asked(), self.scores), (self.lesson.controls(), self.kept)):
            if questions:
                scores.append((self.step, self.lesson.score(questions, self._ask(questions))))

    def _ask(self, questions: Sequence[Question]) -> list[str]:
        """The likeliest answers; one matrix a layer is quicker to ask than W and BA."""
        model, training = self.speaker.model, self.speaker.model.training
        adapted = self.config.adapter is not None and self.step > 0
        model.eval()
        if adapted:
            merge(model)
        try:
            found: list[str] = []
            for start in range(0, len(questions), ASKED_AT_ONCE):
                texts = [question.text for question in questions[start : start + ASKED_AT_ONCE]]
                found += self.speaker.answer(texts, self.lesson.answer)
            return found
        finally:
            if adapted:
                unmerge(model)
            model.train(training)

    def snapshot(self, state: State) -> LanguageSnapshot:
        return LanguageSnapshot(
            step=self.step,
            steps=self.config.steps,
            seconds=time.perf_counter() - self.started,
            losses=list(self.losses),
            rewards=list(self.rewards),
            held_out=list(self.held_out),
            tokens=self.tokens,
            tokens_per_second=self.speed,
            peak_mb=self.peak >> 20,
            numbers=self.numbers,
            answers=list(self.answers),
            scores=list(self.scores),
            kept=list(self.kept),
            state=state,
            reason=self.reason,
            questions=[each.text for each in self.shown] if self.lesson.kind == "own" else [],
        )


def _measured(record: Any) -> float:
    """A step's loss, or the share of its answers that earned."""
    return float(record.rate if hasattr(record, "rate") else record.loss)


def recorded(config: LanguageConfig, *, device: str = "cpu") -> RecordedRun:
    """A whole run, with the base measured too, and what it took here."""
    begin, cpu = time.perf_counter(), time.process_time()
    rounds = {2**power for power in range(config.steps.bit_length())}
    for snapshot in language_run(config, device=device, measure_base=True, answer_at=rounds):
        last = (snapshot.rewards or snapshot.losses or [0.0])[-1]
        print(f"step {snapshot.step} of {snapshot.steps}: {last}", flush=True)
    return RecordedRun(
        recipe=config,
        model=model_name(),
        snapshot=snapshot,
        seconds=time.perf_counter() - begin,
        cpu_seconds=time.process_time() - cpu,
        versions={name: version(name) for name in ("torch", "tokenizers", "gguf")},
        date=date.today().isoformat(),
        machine=f"{platform.system()} {platform.machine()}, {torch.get_num_threads()} thread(s), {device}",
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Records runs of a lesson; those of other methods in the same file stay."""
    parser = argparse.ArgumentParser(prog="python -m lab.runs.language_run", description=main.__doc__)
    parser.add_argument("lesson", choices=[name for name, each in LESSONS.items() if each.kind != "own"])
    parser.add_argument("--method", action="append", help="lora unless given; full is full fine-tuning")
    parser.add_argument("--lr", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(chosen.threads)
    others = {
        name: getattr(chosen, name) for name in ("lr", "steps", "seed") if getattr(chosen, name) is not None
    }
    for method in chosen.method or [lesson_called(chosen.lesson).method]:
        run = recorded(LanguageConfig.of(chosen.lesson, method, **others), device=chosen.device)
        path = write_run(run, chosen.out or record_path(chosen.lesson))
        print(f"{path}: {run.snapshot.scores[-1]} {run.snapshot.kept[-1:]}")


if __name__ == "__main__":
    main()
