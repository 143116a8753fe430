"""The article's sentences on their way to a voice."""

import pytest

from content.model import Piece, Sentence
from narration.article import utterance


@pytest.mark.parametrize(
    ("language", "said"), [("en", "By equation twelve, it is."), ("th", "By สมการ สิบสอง, it is.")]
)
def test_a_reference_to_a_formula_is_said_in_words(language: str, said: str) -> None:
    pieces = (Piece("text", "By "), Piece("equation", "(12)", link="#eq-x"), Piece("text", ", it is."))
    one = utterance(Sentence("one-1", pieces, 1), language, 0)
    assert one.display == "By (12), it is."
    assert one.form.text == said
