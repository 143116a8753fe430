"""`pradit train`: from a file to a folder, stopped and gone on with, and refused with a remedy."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from lora_core import cli, load_adapter
from lora_core.language import finetune, training_run
from lora_core.language.chat import open_chat
from lora_core.language.data_files import read_data
from lora_core.language.examples import encode
from lora_core.language.loss import held_out_loss
from lora_core.language.reader import open_model
from lora_core.language.tokens import open_tokens
from tests.lora_core.language.folder import tiny_folder

KEYS = ["steps", "train_loss", "eval_loss_before", "eval_loss_after", "seconds", "tokens", "peak_mb", "out"]
PAIRS = [("hello", "hello"), ("a hat", "the hat"), ("one", "two"), ("an ant", "the ant"), ("tell", "hell")]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tiny_folder(tmp_path / "base")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.jsonl"
    path.write_text("\n".join(json.dumps({"prompt": q, "completion": a}) for q, a in PAIRS))
    return path


class Pradit:
    """The command with its usual arguments, and what it printed."""

    def __init__(self, base: Path, data: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.usual: dict[str, Any] = {
            "--base": base,
            "--data": data,
            "--out": out,
            "--rank": 2,
            "--steps": 6,
            "--batch": 2,
            "--lr": 1e-2,
            "--dtype": "float32",
        }
        self.out, self._capsys = out, capsys

    def __call__(self, *flags: str, **options: Any) -> tuple[int, str, str]:
        named = {f"--{name}": value for name, value in options.items()}
        pairs = [str(part) for pair in {**self.usual, **named}.items() for part in pair]
        status = cli.main(["train", *pairs, *flags])
        return status, *self._capsys.readouterr()


@pytest.fixture
def pradit(base: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Pradit:
    return Pradit(base, data, tmp_path / "out", capsys)


def losses(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, float]]:
    """Step and loss of every record from now on."""
    found: list[tuple[int, float]] = []
    real = finetune.fine_tune

    def watched(*arguments: Any, **options: Any) -> Any:
        for record in real(*arguments, **options):
            found.append((record.step, record.loss))
            yield record

    monkeypatch.setattr(training_run, "fine_tune", watched)
    return found


def test_it_learns_and_says_so_in_one_line(pradit: Pradit, data: Path) -> None:
    status, out, err = pradit("--json", eval=data, steps=30)
    assert status == 0
    assert out.count("\n") == 1
    found = json.loads(out)
    assert list(found) == KEYS
    assert (found["steps"], found["out"]) == (30, str(pradit.out))
    assert found["eval_loss_after"] < found["eval_loss_before"] - 1
    assert found["train_loss"] < found["eval_loss_before"] - 1
    assert found["seconds"] > 0
    assert found["peak_mb"] is None or found["peak_mb"] > 50
    assert "30/30" in err
    # What it says is what the files do.
    base = Path(pradit.usual["--base"])
    tokenizer = open_tokens(base)
    chat = open_chat(base, tokenizer)
    examples = [encode(example, tokenizer, chat, longest=512) for example in read_data(data)]
    model = open_model(str(base))
    assert held_out_loss(model, examples, chat.padding) == pytest.approx(found["eval_loss_before"], abs=1e-4)
    load_adapter(model, pradit.out)
    assert held_out_loss(model, examples, chat.padding) == pytest.approx(found["eval_loss_after"], abs=1e-4)
    lengths = [len(each.ids) - 1 for each in examples]
    assert 60 * min(lengths) <= found["tokens"] <= 60 * max(lengths)


def test_without_eval_its_losses_are_null(pradit: Pradit) -> None:
    _, out, _ = pradit("--json", steps=1)
    assert (json.loads(out)["eval_loss_before"], json.loads(out)["eval_loss_after"]) == (None, None)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_all_formats(pradit: Pradit, base: Path, data: Path) -> None:
    status, out, _ = pradit(format="peft,gguf,mlx", eval=data)
    assert status == 0
    names = sorted(
        path.relative_to(pradit.out).as_posix() for path in pradit.out.rglob("*") if path.is_file()
    )
    assert names == [
        "Modelfile",
        "README.md",
        "adapter.gguf",
        "adapter_config.json",
        "adapter_model.safetensors",
        "mlx/adapter_config.json",
        "mlx/adapters.safetensors",
    ]
    ours = load_adapter(open_model(str(base)), pradit.out)
    theirs = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(base), pradit.out)
    ids = torch.tensor([[1, 20, 30, 264, 7, 2]])
    with torch.no_grad():
        torch.testing.assert_close(theirs(ids).logits, ours(ids), atol=1e-4, rtol=1e-4)
    assert len(gguf.GGUFReader(pradit.out / "adapter.gguf").tensors) == 28
    model_file = (pradit.out / "Modelfile").read_text()
    assert model_file.startswith(f"FROM {base.resolve()}\nADAPTER ./adapter.gguf\nTEMPLATE ")
    assert 'PARAMETER stop "<|im_end|>"' in model_file
    card = (pradit.out / "README.md").read_text()
    for line in ("5 examples of pairs.jsonl.", "| r | 2 |", "| learning rate | 0.01 |", "| steps | 6 |"):
        assert line in card.splitlines()
    assert "| loss on pairs.jsonl, after | " in card
    for name in ("llama.cpp", "ollama", "mlx", "peft"):
        assert f"\n  {name}  " in out


# Stopped and gone on with


def interrupting(monkeypatch: pytest.MonkeyPatch, step: int, kind: int) -> None:
    """A signal while a step is shown."""
    real = training_run.run

    def run(wish: Any, show: Any, say: Any) -> Any:
        def shown(record: Any) -> None:
            show(record)
            if record.step == step:
                os.kill(os.getpid(), kind)

        return real(wish, shown, say)

    monkeypatch.setattr(training_run, "run", run)


@pytest.mark.parametrize(
    ("method", "dropout"),
    [("lora", 0.0), ("lora", 0.3), ("dora", 0.0), ("pissa", 0.0), ("adalora", 0.0), ("lora-pro", 0.0)],
)
def test_a_run_goes_on_where_it_was_stopped(
    method: str,
    dropout: float,
    pradit: Pradit,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pradit.usual |= {"--method": method, "--dropout": dropout, "--eval": data}
    whole = losses(monkeypatch)
    _, expected, _ = pradit("--json", out=tmp_path / "whole")
    parts = losses(monkeypatch)
    with monkeypatch.context() as patch:
        interrupting(patch, 4, signal.SIGINT)
        status, out, err = pradit()
    assert (status, out) == (130, "")
    assert "stopped after step 4 of 6; the same command goes on from there" in err
    assert [path.name for path in pradit.out.iterdir()] == ["resume.safetensors"]
    status, out, err = pradit("--json")
    assert status == 0
    assert "going on after step 4 of 6" in err
    assert [step for step, _ in parts] == [1, 2, 3, 4, 5, 6]
    assert parts == whole
    weights = [load_file(folder / "adapter_model.safetensors") for folder in (tmp_path / "whole", pradit.out)]
    assert weights[0].keys() == weights[1].keys()
    for name in weights[0]:
        assert torch.equal(weights[0][name], weights[1][name]), name
    assert not (pradit.out / "resume.safetensors").exists()
    for key in ("steps", "train_loss", "eval_loss_before", "eval_loss_after", "tokens"):
        assert json.loads(out)[key] == json.loads(expected)[key]


def test_a_run_that_is_killed_loses_little(pradit: Pradit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_run, "SAVED_EVERY", 0.0)
    found = losses(monkeypatch)

    class Killed(BaseException):
        pass

    def die(bar: Any, steps: int) -> None:
        if len(found) == 5:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("tqdm.tqdm.update", die)
        with pytest.raises(Killed):
            pradit()
    del found[4:]
    assert pradit()[0] == 0
    assert [step for step, _ in found] == [1, 2, 3, 4, 5, 6]


def test_sigterm_stops_it_too_and_the_handlers_are_put_back(
    pradit: Pradit, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)]
    interrupting(monkeypatch, 1, signal.SIGTERM)
    assert pradit()[0] == 130
    assert [signal.getsignal(kind) for kind in (signal.SIGINT, signal.SIGTERM)] == before


def test_another_run_does_not_go_on(
    pradit: Pradit, data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with monkeypatch.context() as patch:
        interrupting(patch, 2, signal.SIGINT)
        pradit()
    for options, reason in (
        ({"lr": 2e-2}, "had lr 0.01, not 0.02; give it the same to go on, or remove"),
        ({"rank": 3}, "had rank 2, not 3"),
        ({"eval": data}, "had eval None, not"),
    ):
        status, _, err = pradit(**options)
        assert status == 2
        assert reason in err.splitlines()[-1]
    state = pradit.out / "resume.safetensors"
    state.write_bytes(state.read_bytes()[:-9])
    status, _, err = pradit()
    assert status == 2
    assert f"remove {state} to begin anew" in err.splitlines()[-1]


# Refusals


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"base": "nowhere"}, "no model at nowhere; expected a folder, a GGUF file or one of smollm2"),
        ({"data": "none.jsonl"}, "none.jsonl: No such file or directory"),
        ({"steps": 0}, "--steps is 0, expected 1 or more"),
        ({"batch": 0}, "--batch is 0, expected 1 or more"),
        ({"lr": "nan"}, "--lr is nan, expected above 0, such as 1e-3"),
        ({"rank": 0}, "rank"),
        ({"rank": 99}, "rank is 99, expected 1 to 32"),
        ({"targets": "q_proj,nothing"}, ""),
        ({"targets": "nothing"}, "no module matches 'nothing'; linear modules are: model.layers.0"),
        ({"format": "onnx"}, "expected peft, gguf, mlx, or several by commas"),
        ({"method": "dora", "format": "gguf"}, "take --format peft, and afterwards pradit merge"),
        ({"longest": 3}, "no answer in "),
        ({"device": "toaster"}, "the device 'toaster' cannot be used here"),
    ],
)
def test_refusals_are_one_line(options: dict[str, Any], reason: str, pradit: Pradit) -> None:
    status, out, err = pradit(**{"steps": 1, **options})
    if not reason:  # what it has is enough
        assert status == 0
        return
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert err.startswith("pradit: ")
    assert reason in err
    assert not list(pradit.out.rglob("*.safetensors"))


def test_a_finished_adapter_is_not_written_over(pradit: Pradit) -> None:
    assert pradit(steps=1)[0] == 0
    status, _, err = pradit(steps=1)
    assert status == 2
    assert "holds an adapter already; choose another folder, or remove it" in err


def test_a_lost_loss_keeps_the_last_good_adapter(pradit: Pradit, base: Path) -> None:
    status, out, err = pradit("--json", lr=1e30)
    assert (status, out) == (2, "")
    assert "is not finite; try a lower --lr than 1e+30" in err.splitlines()[-1] or (
        "holds the adapter of step" in err.splitlines()[-1]
    )
    if (pradit.out / "adapter_model.safetensors").exists():
        for tensor in load_file(pradit.out / "adapter_model.safetensors").values():
            assert tensor.isfinite().all()


def test_long_examples_are_cut_and_said(pradit: Pradit, tmp_path: Path) -> None:
    data = tmp_path / "long.jsonl"
    rows = [*PAIRS, ("x" * 90, "never reached"), ("a", "b" * 90)]
    data.write_text("\n".join(json.dumps({"prompt": q, "completion": a}) for q, a in rows))
    status, _, err = pradit(data=data, longest=60, steps=1)
    assert status == 0
    assert "long.jsonl: 2 of 7 examples are cut at 60 tokens, 1 of them left out" in err


def test_plain_text_needs_no_chat_format(pradit: Pradit, base: Path, tmp_path: Path) -> None:
    (base / "chat_template.jinja").unlink()
    text = tmp_path / "text.txt"
    text.write_text("\n\n".join(f"{word} tells the {other} hello." * 8 for word, other in PAIRS))
    assert pradit(data=text, steps=1, format="peft,gguf")[0] == 0
    assert "TEMPLATE" not in (pradit.out / "Modelfile").read_text()
    status, _, err = pradit(steps=1, out=tmp_path / "other")
    assert status == 2
    assert "a model without one learns from plain text (.txt)" in err
