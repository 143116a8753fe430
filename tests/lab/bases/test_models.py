"""The toys against what they are said to compute."""

import math

import pytest
import torch

from lab.bases.models import GPT, MLP, VOCABULARY, Attention, decode, encode, load_base, rms_norm


def test_the_vocabulary_is_192_different_characters() -> None:
    assert len(VOCABULARY) == len(set(VOCABULARY)) == 192


def test_text_survives_encoding_and_strangers_are_left_out() -> None:
    text = "def f(x):\n    return x  # ศูนย์ “zero”"
    assert decode(encode(text)) == text
    assert decode(encode("a漢b\tc")) == "abc"
    assert encode("").shape == (0,)


def test_rms_norm_is_its_formula() -> None:
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    expected = torch.tensor([[3.0, 4.0], [0.0, 0.0]]) / math.sqrt((9 + 16) / 2 + 1e-5)
    torch.testing.assert_close(rms_norm(x), expected)


def test_attention_is_the_softmax_of_scaled_products_over_the_past(generator: torch.Generator) -> None:
    width, heads, length = 8, 2, 5
    layer = Attention(width, heads)
    x = torch.randn(1, length, width, generator=generator)
    q, k, v = (layer.qkv.weight @ x[0].T).view(3, heads, width // heads, length)  # (heads, d, T) each
    scores = q.mT @ k / math.sqrt(width // heads)  # (heads, T, T)
    scores[:, torch.ones(length, length).triu(1).bool()] = -math.inf
    mixed = v @ scores.softmax(-1).mT  # (heads, d, T)
    expected = (layer.proj.weight @ mixed.reshape(width, length)).T
    torch.testing.assert_close(layer(x)[0], expected)


def test_a_character_sees_only_the_past(generator: torch.Generator) -> None:
    model = GPT(generator=generator)
    text = torch.randint(192, (1, 64), generator=generator)
    changed = text.clone()
    changed[0, 40] = (changed[0, 40] + 1) % 192
    before, after = model(text), model(changed)
    torch.testing.assert_close(before[:, :40], after[:, :40])
    assert (before[:, 40:] - after[:, 40:]).abs().amax(-1).min() > 1e-4


def test_an_untrained_gpt_is_nearly_undecided(generator: torch.Generator) -> None:
    model = GPT(generator=generator)
    text = torch.randint(192, (8, 65), generator=generator)
    loss = torch.nn.functional.cross_entropy(model(text[:, :-1]).flatten(0, 1), text[:, 1:].flatten())
    assert loss.item() == pytest.approx(math.log(192), abs=0.3)


def test_the_same_generator_gives_the_same_start() -> None:
    for kind in (GPT, MLP):
        first, second = (kind(generator=torch.Generator().manual_seed(3)).state_dict() for _ in range(2))
        other = kind(generator=torch.Generator().manual_seed(4)).state_dict()
        assert all(torch.equal(first[name], second[name]) for name in first)
        assert not torch.equal(first["head.weight"], other["head.weight"])


def test_sizes_are_as_told() -> None:
    blocks = sum(p.numel() for name, p in GPT().named_parameters() if name.startswith("blocks"))
    assert blocks == 98_304
    assert sum(p.numel() for p in MLP().parameters()) == 196 * 128 + 128 * 128 + 128 * 10


def test_an_unknown_base_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="base is 'gpt-fr', expected one of: gpt-en, gpt-en-th, mlp-mnist"):
        load_base("gpt-fr")
