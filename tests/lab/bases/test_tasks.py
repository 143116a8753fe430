"""The tasks: splits that do not touch, batches that repeat, measures that match their formulas."""

import math

import numpy as np
import pytest
import torch

from lab.bases.models import GPT, decode, encode, load_base
from lab.bases.registry import BASES
from lab.bases.tasks import (
    CONTEXT,
    ImageTask,
    TextTask,
    evaluate,
    load_task,
    loss_of,
    read_pictures,
    read_text,
    rotated,
    sample,
    scaled,
    windows,
)

NAMES = [task for base in BASES.values() for task in base.lessons]
TEXTS = {
    "python": "python",
    "thai": "thai-titles",
    "thai-names": "thai-names",
    "english-names": "english-names",
}
IMAGES = ("fashion", "rotated")


def text_task(name: str) -> TextTask:
    task = load_task(name)
    assert isinstance(task, TextTask)
    return task


def image_task(name: str) -> ImageTask:
    task = load_task(name)
    assert isinstance(task, ImageTask)
    return task


@pytest.mark.parametrize("name", TEXTS)
def test_text_splits_are_one_text_cut_in_three(name: str) -> None:
    splits = text_task(name).splits
    whole = encode(read_text(TEXTS[name]))
    assert torch.equal(torch.cat([splits["train"], splits["validation"], splits["test"]]), whole)
    assert len(splits["validation"]) == pytest.approx(len(whole) * 0.05, abs=2)
    assert len(splits["test"]) == pytest.approx(len(whole) * 0.05, abs=2)


@pytest.mark.parametrize("name", ["thai", "thai-names", "english-names"])
def test_no_name_is_both_trained_on_and_tested(name: str) -> None:
    lines = {part: set(decode(text).split("\n")[1:-1]) for part, text in text_task(name).splits.items()}
    assert not lines["train"] & lines["validation"]
    assert not lines["train"] & lines["test"]
    assert not lines["validation"] & lines["test"]
    assert len(lines["test"]) > 300


@pytest.mark.parametrize("name", IMAGES)
def test_picture_splits_come_from_different_originals(name: str) -> None:
    splits = image_task(name).splits
    arrays = read_pictures("fashion" if name == "fashion" else "mnist")
    sizes = [len(splits[part][1]) for part in ("train", "validation", "test")]
    assert sizes == [len(arrays["train_labels"]), 3000, 3000]
    held_out = torch.cat([splits["validation"][1], splits["test"][1]])
    assert held_out.tolist() == arrays["test_labels"].tolist()
    rows = {part: {row.tobytes() for row in images.numpy()} for part, (images, _) in splits.items()}
    assert not rows["validation"] & rows["test"]
    assert not rows["train"] & rows["test"]


@pytest.mark.parametrize("name", NAMES)
def test_the_same_generator_gives_the_same_batch(name: str) -> None:
    task = load_task(name)
    first, second, other = (task.batch(8, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6))
    assert all(map(torch.equal, first, second))
    assert not torch.equal(first[0], other[0])


def test_a_text_batch_is_read_one_character_ahead() -> None:
    task = text_task("python")
    inputs, targets = task.batch(4, torch.Generator().manual_seed(0))
    assert inputs.shape == targets.shape == (4, CONTEXT)
    assert torch.equal(inputs[:, 1:], targets[:, :-1])
    assert decode(inputs[0]) in decode(task.splits["train"])


def test_windows_reach_both_ends_of_a_text() -> None:
    text = torch.arange(CONTEXT + 2)
    inputs, targets = windows(text, torch.tensor([0, 1]))
    assert inputs[0].tolist() == list(range(CONTEXT))
    assert targets[1].tolist() == list(range(2, CONTEXT + 2))


@pytest.mark.parametrize("name", NAMES)
def test_examples_are_fixed_and_from_their_split(name: str) -> None:
    task = load_task(name)
    first, second = task.examples("test"), task.examples("test")
    assert all(map(torch.equal, first, second))
    if isinstance(task, TextTask):
        assert decode(first[0][-1]) in decode(task.splits["test"])
    else:
        assert torch.equal(first[0], scaled(task.splits["test"][0][: len(first[1])]))


def test_rotation_turns_about_the_centre() -> None:
    pixels = read_pictures("mnist")["test_images"][:5]
    turned = rotated(pixels, 90).reshape(-1, 14, 14)
    np.testing.assert_array_equal(turned, np.rot90(pixels.reshape(-1, 14, 14), axes=(1, 2)))
    assert rotated(pixels, 45).dtype == np.uint8


def test_the_rotated_task_keeps_the_digits_labels() -> None:
    assert (
        image_task("rotated").splits["train"][1].tolist() == read_pictures("mnist")["train_labels"].tolist()
    )


def test_pictures_to_look_at_are_between_0_and_1() -> None:
    shown = image_task("fashion").pictures("test", 32)
    assert shown["images"].shape == (32, 14, 14)
    assert shown["images"].dtype == shown["labels"].dtype == np.float32
    assert 0 <= shown["images"].min() < shown["images"].max() <= 1


def test_evaluation_is_mean_cross_entropy_and_share_right() -> None:
    model = load_base("mlp-mnist")
    inputs, targets = image_task("fashion").examples("test", 50)
    probabilities = model(inputs).detach().softmax(1)
    expected = -sum(math.log(p[t]) for p, t in zip(probabilities, targets, strict=True)) / 50
    loss, accuracy = evaluate(model, (inputs, targets))
    assert loss == pytest.approx(expected, rel=1e-5)
    assert loss == pytest.approx(loss_of(model, (inputs, targets)).item(), rel=1e-6)
    assert accuracy == pytest.approx((probabilities.argmax(1) == targets).sum().item() / 50)


def test_text_has_a_loss_and_no_accuracy() -> None:
    loss, accuracy = evaluate(load_base("gpt-en"), text_task("python").examples("test"))
    assert 3.2 < loss < 4.2
    assert accuracy is None


def test_a_sample_continues_its_prompt_and_repeats() -> None:
    model = load_base("gpt-en")
    assert isinstance(model, GPT)
    text = sample(model, "def ", length=80)
    assert text.startswith("def ")
    assert len(text) == 84
    assert text == sample(model, "def ", length=80)
    assert text != sample(model, "def ", length=80, seed=1)


def test_a_sample_follows_the_model() -> None:
    """A model that is sure of one character writes nothing else, past the end of its context too."""
    model = GPT(generator=torch.Generator().manual_seed(0)).requires_grad_(False)
    sure = encode("ก")[0]
    model.head.weight.zero_()
    model.position.weight.zero_()
    for block in model.blocks:
        for parameter in block.parameters():
            parameter.zero_()
    model.embed.weight.fill_(1.0)
    model.head.weight[sure] = 1.0
    assert sample(model, "\n", length=100) == "ก" * 100


def test_an_unknown_task_is_refused_with_those_that_exist() -> None:
    with pytest.raises(ValueError, match="task is 'cooking', expected one of: python, thai"):
        load_task("cooking")
