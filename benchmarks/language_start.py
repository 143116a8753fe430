"""A fresh process that fine-tunes the language model: `python -m benchmarks.language_start ours` or `theirs`.

Prints one JSON object: seconds of one core until the first step was made, imports and loading included, and
the most bytes resident while it trained on.
"""

from __future__ import annotations

import json
import sys
import time

import torch

TEXTS, LENGTH, ANSWER = 4, 64, 20
"""256 tokens a step; of each text the last are an answer, as in a lesson."""
RANK, ALPHA, RATE = 8, 32, 1e-4
MORE = 3
"""Steps after the first."""


def ours() -> tuple[float, int]:
    from lora_core import AdapterConfig
    from lora_core.language.examples import Encoded
    from lora_core.language.finetune import fine_tune
    from lora_core.language.reader import open_model

    model = open_model("smollm2")
    counted = tuple(place >= LENGTH + 1 - ANSWER for place in range(LENGTH + 1))
    lesson = [Encoded(tuple(ids), counted) for ids in _texts().tolist()]
    steps = fine_tune(
        model,
        lesson,
        AdapterConfig(rank=RANK, alpha=ALPHA),
        lr=RATE,
        steps=1 + MORE,
        size=TEXTS,
        padding=2,
        generator=torch.Generator().manual_seed(0),
    )
    next(steps)
    begun = time.process_time()
    return begun, [record.peak for record in steps][-1]


def theirs() -> tuple[float, int]:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    from lora_core.language.memory import forget_peak, peak_memory
    from lora_core.language.places import find_model

    file = find_model("smollm2")
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.bfloat16, attn_implementation="eager"
    )
    config = LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules="all-linear", task_type="CAUSAL_LM")
    model = get_peft_model(model, config)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=RATE, weight_decay=0.0, fused=True)
    ids = _texts()[:, :-1]
    labels = ids.clone()
    labels[:, :-ANSWER] = -100
    forget_peak(torch.device("cpu"))

    def step() -> None:
        optimizer.zero_grad()
        model(input_ids=ids, labels=labels, use_cache=False).loss.backward()
        optimizer.step()

    step()
    begun = time.process_time()
    for _ in range(MORE):
        step()
    return begun, peak_memory(torch.device("cpu"))


def _texts() -> torch.Tensor:
    return torch.randint(100, 40_000, (TEXTS, LENGTH + 1), generator=torch.Generator().manual_seed(1))


if __name__ == "__main__":
    torch.set_num_threads(1)
    seconds, peak = {"ours": ours, "theirs": theirs}[sys.argv[1]]()
    print(json.dumps({"seconds": seconds, "peak": peak}))
