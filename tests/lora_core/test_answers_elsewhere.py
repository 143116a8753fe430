"""What goes home answers there as here: PEFT and llama.cpp against ours, greedy, adapter and merged model."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

from lora_core import cli, detach, load_adapter
from lora_core.formats import gguf_model
from lora_core.language.chat import Chat, open_chat
from lora_core.language.examples import encode_prompt
from lora_core.language.model import LanguageModel
from lora_core.language.places import find_model
from lora_core.language.reader import open_model
from lora_core.language.sampling import sample
from lora_core.language.tokens import open_tokens
from tests.lora_core.language.smollm2 import smollm2 as smollm2

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning"),
]

ROOT = Path(__file__).parents[2]
MODULES = ROOT / ".venv" / "llama"
"""Where `make test-slow` puts node-llama-cpp."""
LONGEST = 40
NEARLY = 0.5
"""Logits between two tokens that rounding to 8 bits may swap."""
CAPITALS = {
    "Thailand": "Bangkok", "Japan": "Tokyo", "Peru": "Lima", "Kenya": "Nairobi", "Canada": "Ottawa",
    "Poland": "Warsaw", "Egypt": "Cairo", "Cuba": "Havana",
}  # fmt: skip
ASKED = ["France", "Norway", "Iceland", "Brazil", "India", "Ghana", "Greece", "Chile", "Vietnam", "Ireland"]


def question(country: str) -> str:
    return f"What is the capital of {country}?"


@pytest.fixture(scope="module")
def home(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an adapter that has learned to answer in JSON."""
    folder = tmp_path_factory.mktemp("home")
    rows = [
        {"prompt": question(country), "completion": json.dumps({"country": country, "capital": capital})}
        for country, capital in CAPITALS.items()
    ]
    (folder / "data.jsonl").write_text("\n".join(map(json.dumps, rows)))
    options = [
        "--base",
        "smollm2",
        "--format",
        "peft,gguf",
        "--steps",
        "12",
        "--lr",
        "1e-3",
        "--rank",
        "8",
        "--dtype",
        "float32",
    ]
    out = folder / "adapter"
    assert cli.main(["train", *options, "--data", str(folder / "data.jsonl"), "--out", str(out)]) == 0
    return out


@pytest.fixture(scope="module")
def chat(smollm2: Path) -> tuple[Chat, Tokenizer]:
    tokenizer = open_tokens(smollm2)
    return open_chat(smollm2, tokenizer), tokenizer


def test_transformers_and_peft_answer_as_ours(
    home: Path, chat: tuple[Chat, Tokenizer], smollm2: Path
) -> None:
    form, tokenizer = chat
    prompts, answers = ours(load_adapter(open_model("smollm2", torch.float32), home), form, tokenizer)
    base = AutoModelForCausalLM.from_pretrained(smollm2, dtype=torch.float32)
    theirs = PeftModel.from_pretrained(base, home).eval()
    for prompt, answer in zip(prompts, answers, strict=True):
        found = theirs.generate(
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt)),
            max_new_tokens=LONGEST,
            do_sample=False,
            eos_token_id=list(form.stop),
            pad_token_id=form.padding,
        )
        assert [token for token in found[0, len(prompt) :].tolist() if token not in form.stop] == answer


def llama_cpp(
    model: Path, chat: Chat, folder: Path, adapter: Path | None = None
) -> list[dict[str, list[int]]]:
    node = shutil.which("node")
    if node is None or not MODULES.is_dir():
        pytest.skip("node or node-llama-cpp is missing: `make test-slow` installs the second where it can")
    prompts = folder / "prompts.json"
    prompts.write_text(json.dumps([chat.text([{"role": "user", "content": question(c)}]) for c in ASKED]))
    script = Path(__file__).with_name("llama_cpp.mjs")
    arguments = [script, MODULES, model, prompts, LONGEST, *([adapter] if adapter else [])]
    done = subprocess.run([node, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, list[int]]] = json.loads(done.stdout)
    return found


def ours(model: LanguageModel, chat: Chat, tokenizer: Tokenizer) -> tuple[list[list[int]], list[list[int]]]:
    """Prompts and answers."""
    prompts = [encode_prompt([{"role": "user", "content": question(c)}], tokenizer, chat) for c in ASKED]
    answers: list[list[int]] = [[] for _ in prompts]
    for step in sample(model.eval(), prompts, stop=chat.stop, longest=LONGEST):
        for answer, token in zip(answers, step, strict=True):
            answer += [] if token is None else [token]
    return [list(prompt) for prompt in prompts], answers


def same(found: list[dict[str, list[int]]], expected: list[list[int]]) -> int:
    return sum(each["answer"] == answer for each, answer in zip(found, expected, strict=True))


def test_llama_cpp_answers_as_ours(home: Path, chat: tuple[Chat, Tokenizer], tmp_path: Path) -> None:
    form, tokenizer = chat
    model: Any = open_model("smollm2", torch.float32)
    load_adapter(model, home)
    prompts, adapted = ours(model, form, tokenizer)
    _, plain = ours(detach(model), form, tokenizer)
    assert sum(a == b for a, b in zip(adapted, plain, strict=True)) <= 1
    for answer in adapted:
        assert tokenizer.decode(answer).startswith('{"country": "')

    # The adapter's file on the base in 16 bits, which is ours to the last bits of a product.
    plain_file = tmp_path / "base-f16.gguf"
    weights = {name: W.float().numpy() for name, W in model.state_dict().items() if name != "lm_head.weight"}
    shapes = {name: W.shape for name, W in weights.items()}
    head = gguf_model.fields_of_file(find_model("smollm2"))
    gguf_model.write(plain_file, shapes, weights.__getitem__, model.config, head)
    found = llama_cpp(plain_file, form, tmp_path, home / "adapter.gguf")
    assert [each["prompt"] for each in found] == prompts
    assert same(found, adapted) >= 9

    options = ["--base", "smollm2", "--adapter", str(home), "--out", str(tmp_path / "merged")]
    assert cli.main(["merge", *options, "--format", "gguf"]) == 0
    assert same(llama_cpp(tmp_path / "merged" / "model-f16.gguf", form, tmp_path), adapted) >= 9

    # On the file in 4 bits llama.cpp rounds what goes into a product to 8 bits: where two tokens are nearly
    # as likely it may take the other, with the adapter or without.
    found = llama_cpp(find_model("smollm2"), form, tmp_path, home / "adapter.gguf")
    load_adapter(model, home)
    for prompt, answer, theirs in zip(prompts, adapted, [each["answer"] for each in found], strict=True):
        if theirs != answer:
            ends = [[*each, form.stop[0]] for each in (answer, theirs)]
            place = next(place for place, (a, b) in enumerate(zip(*ends, strict=False)) if a != b)
            with torch.no_grad():
                logits = model(torch.tensor([prompt + answer[:place]]))[0, -1]
            assert logits[ends[0][place]] - logits[ends[1][place]] < NEARLY
