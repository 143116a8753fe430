"""By reward: one short sentence, which the model earns by itself now and then; nobody shows it one.

The reward is 1 for three to eight words that end in a full stop and take up a word of the question, else 0.
The last condition keeps one sentence from being the answer to everything.
"""

from __future__ import annotations

import re

from lab.bases.lessons.answers import words_of
from lab.bases.lessons.lesson import LanguageLesson, Marks, Question

LEAST_WORDS, MOST_WORDS = 3, 8
LEAST_LETTERS = 4
"""Of a word of the question that counts as taken up."""

QUESTIONS = (
    "What colour is the sea?", "What colour is a lemon?", "What is the capital of Norway?",
    "What is the capital of Greece?", "How many wheels has a bicycle?", "How many legs has a horse?",
    "What do rabbits eat?", "What do bees make?", "Where do camels live?", "Where do penguins live?",
    "What is a hammer for?", "What is a ladder for?", "Who bakes bread?", "Who flies an airplane?",
    "What is ice made of?", "What is paper made of?", "When does the moon shine?", "When do leaves fall?",
    "What does a farmer do?", "What does a nurse do?", "Is a feather light or heavy?",
    "Is honey sweet or sour?",
    "What grows on an apple tree?", "What falls from the clouds?", "What keeps us warm in winter?",
    "What is the opposite of big?", "What is the opposite of hot?", "Which animal says meow?",
    "Which bird can talk?", "What is a volcano?", "What is a desert?", "What is an island?",
)  # fmt: skip
"""Answered while it learns."""
HELD = (
    "What colour is snow?", "What is the capital of Spain?", "How many wheels has a car?",
    "What do cows eat?", "Where do whales live?", "What is a clock for?", "Who teaches children?",
    "What is a table made of?", "When does the sun rise?", "What does a baker do?",
    "Is a stone hard or soft?", "What grows in a garden?",
    "What is the opposite of old?", "Which animal gives milk?", "What is a mountain?", "What is a river?",
)  # fmt: skip
"""Those that measure it."""


def ask(text: str) -> Question:
    """A question with its words of LEAST_LETTERS letters or more: an answer has to take up one of them."""
    words = [word.casefold() for word in words_of(text)]
    return Question(text, tuple(word for word in words[1:] if len(word) >= LEAST_LETTERS))


def reward(question: Question, answer: str) -> float:
    """1 for a sentence as wanted, else 0. An answer that was cut is none: it has no full stop at its end."""
    return judge(question, answer)["earned"]


def judge(question: Question, answer: str) -> Marks:
    """earned: the reward. short: at most eight words, whatever they say."""
    words = [word.casefold() for word in words_of(answer)]
    short = 0 < len(words) <= MOST_WORDS
    sentence = bool(re.fullmatch(r"[^.!?\n]+\.", answer.strip())) and len(words) >= LEAST_WORDS
    named = any(word.startswith(key[:-1]) for word in words for key in question.keys)
    return {"earned": float(short and sentence and named), "short": float(short)}


LESSON = LanguageLesson(
    name="reward",
    kind="reward",
    shown=(ask("Where do whales live?"), ask("What is a clock for?"), ask("What is a mountain?")),
    train=list,
    held=list,
    asked=lambda: [ask(text) for text in HELD],
    judge=judge,
    measure="earned",
    lr=1e-3,
    full_lr=5e-5,
    steps=20,
    batch=32,
    answer=24,
)
