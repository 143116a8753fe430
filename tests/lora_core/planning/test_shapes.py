"""Published shapes: the totals their authors state and the counts that articles derive from them."""

import subprocess
import sys

import pytest

from lora_core.planning.cost import cost
from lora_core.planning.shapes import (
    GPT_3_175B,
    LLAMA_3_1_8B,
    LLAMA_3_1_70B,
    PUBLISHED,
    QWEN3_8B,
    Part,
    Published,
)


@pytest.mark.parametrize(
    ("model", "billions"),
    [(GPT_3_175B, 174.6), (LLAMA_3_1_8B, 8.03), (LLAMA_3_1_70B, 70.55), (QWEN3_8B, 8.19)],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_totals_are_the_published_ones(model: Published, billions: float) -> None:
    assert model.parameters / 1e9 == pytest.approx(billions, rel=1e-3)


def test_qwens_parameters_without_embeddings_are_the_published_ones() -> None:
    """6.95B of them, says the model's card."""
    both = 2 * QWEN3_8B.vocabulary * QWEN3_8B.width
    assert (QWEN3_8B.parameters - both) / 1e9 == pytest.approx(6.95, abs=0.005)


@pytest.mark.parametrize(
    ("part", "rank", "billions"),
    [("mlp", 256, 0.487), ("attn", 256, 0.252), ("all", 256, 0.705), ("mlp", 128, 0.243)],
)
def test_the_articles_table(part: Part, rank: int, billions: float) -> None:
    """It comes out with the head adapted and not without."""

    def trained(head: bool) -> float:
        names = LLAMA_3_1_8B.choose(part, head=head)
        return round(cost(LLAMA_3_1_8B.layers, names, rank=rank).trained / 1e9, 3)

    assert trained(head=True) == billions
    assert trained(head=False) < billions


def test_the_articles_three_million_at_rank_one() -> None:
    counts = [
        cost(LLAMA_3_1_8B.layers, LLAMA_3_1_8B.choose("all", head=head), rank=1).trained
        for head in (False, True)
    ]
    assert [round(count / 1e6, 2) for count in counts] == [2.62, 2.75]


@pytest.mark.parametrize(("rank", "millions"), [(1, 4.7), (8, 37.7)])
def test_the_first_lora_papers_counts(rank: int, millions: float) -> None:
    """Hu et al. 2021, table 4: W_q and W_v of GPT-3."""
    names = GPT_3_175B.choose("q_proj", head=False) + GPT_3_175B.choose("v_proj", head=False)
    assert cost(GPT_3_175B.layers, names, rank=rank).trained / 1e6 == pytest.approx(millions, abs=0.05)


@pytest.mark.parametrize("model", PUBLISHED.values(), ids=PUBLISHED)
def test_a_choice_names_layers_in_order_and_every_model_has_a_source(model: Published) -> None:
    everything = model.choose("all")
    assert everything == list(model.layers)
    assert set(model.choose("attn")) | set(model.choose("mlp")) == set(everything)
    assert model.choose("lm_head", head=False) == ["lm_head"]
    assert len(model.choose("o_proj", head=False)) == model.blocks
    assert "arXiv" in model.source


def test_no_torch_is_needed() -> None:
    subprocess.run(
        [sys.executable, "-c", "import sys, lora_core.planning.shapes; sys.exit('torch' in sys.modules)"],
        check=True,
    )
