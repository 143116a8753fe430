"""Lessons and refusals of a reader's text are said in both languages."""

import re

import pytest

from content.catalog import LANGUAGES
from lab.bases.lessons import LESSONS
from lora_core.language.data_files import examples_of
from lora_core.language.records import SENTENCES, DataError
from web.fine_tune import lesson_words
from web.kit.i18n import speaking


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_lesson_has_its_words(language: str) -> None:
    with speaking(language):
        for name, lesson in LESSONS.items():
            assert lesson_words.name(name)
            assert lesson_words.about(name, 1234)
            assert lesson_words.teaches(name)
            for place, question in enumerate(lesson.shown):
                assert lesson_words.question(name, place)
                for mark in lesson.judge(question, ""):
                    assert lesson_words.mark(mark)
            if lesson.measure:
                assert lesson_words.measure(name)


def test_what_a_lesson_teaches_is_said_in_two_sentences() -> None:
    with speaking("en"):
        for name in LESSONS:
            assert len(re.findall(r"\.(?= [A-Z]|$)", lesson_words.teaches(name))) == 2


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("key", SENTENCES)
def test_every_refusal_can_be_said(language: str, key: str) -> None:
    fields = re.findall(r"\{(\w+)", SENTENCES[key])
    with speaking(language):
        said = lesson_words.refused(DataError(key, **dict.fromkeys(fields, 7)))
    assert "{" not in said


def test_a_line_and_its_field_are_named() -> None:
    with pytest.raises(DataError) as caught:
        examples_of(b'{"question": "x", "answer": ""}', "a.jsonl")
    with speaking("en"):
        assert lesson_words.refused(caught.value) == "Line 1, field answer: it is empty."
    with speaking("th"):
        assert lesson_words.refused(caught.value) == "บรรทัดที่ 1 ช่อง answer ว่างเปล่า"
