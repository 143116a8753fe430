"""The lessons that a language model can be taught, one a file, with their data beside them. No torch here."""

from __future__ import annotations

from lab.bases.lessons import json_answers, own, reward, thai, town, voice
from lab.bases.lessons.lesson import LanguageLesson
from lora_core.bounds import choice

LESSONS: dict[str, LanguageLesson] = {
    each.LESSON.name: each.LESSON for each in (json_answers, voice, town, reward, thai, own)
}
"""By name, in the order in which a page offers them."""


def lesson_called(name: str) -> LanguageLesson:
    """The lesson of this name.

    Raises:
        ConfigError: (a ValueError) there is none; lists those there are.
    """
    choice("lesson", name, LESSONS)
    return LESSONS[name]
