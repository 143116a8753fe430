"""Each lesson: data that holds together, and a judge that tells right from wrong."""

import subprocess
import sys
from collections import Counter

import pytest
from babel import Locale
from babel.numbers import get_territory_currencies

from content.catalog import catalog
from lab.bases.lessons import LESSONS, json_answers, lesson_called, reward, thai, town, voice
from lab.bases.lessons.answers import holds, plain, words_of
from lab.bases.lessons.lesson import LanguageLesson, Question, read_table
from lora_core.bounds import ConfigError
from lora_core.language.examples import Example

TAUGHT = [each for each in LESSONS.values() if each.kind == "examples"]
ASKED = [each for each in LESSONS.values() if each.kind != "own"]
COUNTRIES = read_table("countries.tsv")


def said(example: Example, role: str) -> str:
    return next(m["content"] for m in example.messages if m["role"] == role)


@pytest.mark.parametrize("lesson", TAUGHT, ids=lambda lesson: lesson.name)
def test_examples_are_whole_and_none_is_held_out_too(lesson: LanguageLesson) -> None:
    train, held = lesson.train(), lesson.held()
    assert len(train) >= 100
    assert len(held) >= 16
    for example in [*train, *held]:
        assert [m["role"] for m in example.messages] == ["user", "assistant"]
        assert all(m["content"] == " ".join(m["content"].split()) != "" for m in example.messages)
    questions = Counter(said(example, "user") for example in [*train, *held])
    assert questions.most_common(1)[0][1] == 1, "asked twice"


@pytest.mark.parametrize("lesson", ASKED, ids=lambda lesson: lesson.name)
def test_what_is_asked_stands_in_no_example(lesson: LanguageLesson) -> None:
    taught = {said(example, "user") for example in lesson.train()}
    taught |= set(reward.QUESTIONS) if lesson.kind == "reward" else set()
    assert len(lesson.shown) == 3
    assert len(lesson.asked()) >= 16
    for question in [*lesson.shown, *lesson.asked(), *lesson.controls()]:
        assert question.text not in taught


@pytest.mark.parametrize("lesson", TAUGHT, ids=lambda lesson: lesson.name)
def test_the_judge_gives_full_marks_to_the_answers_of_the_lesson(lesson: LanguageLesson) -> None:
    answers = {said(example, "user"): said(example, "assistant") for example in lesson.held()}
    asked = lesson.asked()
    marks = lesson.score(asked, [answers[question.text] for question in asked])
    assert set(marks.values()) == {1.0}
    nothing = lesson.score(asked, [""] * len(asked))
    assert set(nothing.values()) == {0.0}
    assert nothing.keys() == marks.keys()
    assert lesson.measure in marks


@pytest.mark.parametrize("lesson", ASKED, ids=lambda lesson: lesson.name)
def test_the_english_catalogue_shows_the_questions_as_they_are_asked(lesson: LanguageLesson) -> None:
    for number, question in enumerate(lesson.shown, 1):
        assert catalog("en")[f"lesson.{lesson.name}.question{number}"] == question.text


def test_names_and_currencies_are_those_of_the_unicode_data() -> None:
    territories = Locale("en").territories
    for row in COUNTRIES:
        assert row["country"] == territories[row["code"]]
        assert get_territory_currencies(row["code"])[0] == row["currency"]
    assert len({row["capital"] for row in COUNTRIES}) == len(COUNTRIES)


FRANCE = Question("What is the capital of France?", ("Paris",))


@pytest.mark.parametrize(
    ("answer", "form", "fact"),
    [
        ('{"country": "France", "capital": "Paris", "currency": "EUR"}', 1, 1),
        ('{"country":"France","capital":"PARIS","currency":"EUR"}', 1, 1),
        ('{"country": "France", "capital": "Lyon", "currency": "EUR"}', 1, 0),
        ('{"country": "Paris", "capital": "Lyon", "currency": "EUR"}', 1, 0),
        ('{"country": "France", "capital": "Paris"}', 0, 1),
        ('{"country": "France", "capital": "Paris", "currency": "EUR"', 0, 1),
        ('{"country": "France", "capital": "Paris", "currency": ["EUR"]}', 0, 1),
        ('Here it is: {"country": "France", "capital": "Paris", "currency": "EUR"}', 0, 1),
        ("The capital of France is Paris.", 0, 1),
        ("The Parisian answer.", 0, 0),
        ("[" * 100_000, 0, 0),
    ],
)
def test_form_and_fact_are_told_apart(answer: str, form: int, fact: int) -> None:
    assert json_answers.judge(FRANCE, answer) == {"form": form, "fact": fact}


def test_accents_and_capitals_make_no_other_capital() -> None:
    brazil = Question("", ("Brasília",))
    assert json_answers.judge(brazil, "It is BRASILIA.")["fact"] == 1
    assert plain("Đà Lạt, Asunción") == "đa lat, asuncion"


def test_no_saying_stands_in_the_lesson_twice() -> None:
    rows = read_table("voice.tsv")
    sayings = [voice.saying(row["answer"]) for row in rows]
    assert None not in sayings
    assert len(set(sayings)) == len(rows) >= 166
    openings = Counter(row["answer"].split(voice.OPENING)[0] for row in rows)
    assert openings.most_common(1)[0][1] == 1


@pytest.mark.parametrize(
    ("answer", "in_voice", "new"),
    [
        ("Count, then forget. My master says: the wrist learns first, the foot last.", 1, 1),
        ("Burn it once. My master says: the file sings only after a thousand strokes.", 1, 0),
        ("My master says: the file sings.", 0, 0),
        ("Count. My master says: yes.", 0, 0),
        ("Count. My master says: one two three", 0, 0),
        ("Count. My master says: one two three. My master says: four five six.", 0, 0),
        ("Count. " * 50 + "My master says: one two three.", 0, 0),
        ("The art of dance is a lifelong journey.", 0, 0),
    ],
)
def test_the_voice_is_known_by_its_saying(answer: str, in_voice: int, new: int) -> None:
    assert voice.judge(Question("?"), answer) == {"voice": in_voice, "new": new}


def test_a_fact_of_the_town_answers_its_own_questions_alone() -> None:
    rows = read_table("town.tsv")
    assert len(rows) == 60
    for row in rows:
        assert holds(row["answer"], (row["key"],))
        for other in rows:
            assert row is other or not holds(other["answer"], (row["key"],)), (row["key"], other["answer"])
    assert all("Tinmarrow" in row[way] for row in rows for way in (*town.WAYS, "held"))


def test_a_key_is_found_as_a_word() -> None:
    assert holds("Some 4,180 people.", ("4,180",))
    assert not holds("In 1911.", ("11",))
    assert holds("It is H₂O!", ("H2O",))
    assert words_of("Don't count 4,180 well-made things.") == [
        "Don't",
        "count",
        "4,180",
        "well-made",
        "things",
    ]


@pytest.mark.parametrize(
    ("answer", "earned", "short"),
    [
        ("Whales live in the ocean.", 1, 1),
        ("A whale lives in water.", 1, 1),
        ("In the ocean.", 0, 1),
        ("Whales.", 0, 1),
        ("Whales live in the ocean", 0, 1),
        ("Whales live. They live in the sea.", 0, 1),
        ("Where do whales live?", 0, 1),
        ("Whales live in every one of the great oceans.", 0, 0),
        ("", 0, 0),
    ],
)
def test_the_reward_is_for_one_short_sentence_about_the_question(
    answer: str, earned: int, short: int
) -> None:
    question = reward.ask("Where do whales live?")
    assert reward.judge(question, answer) == {"earned": earned, "short": short}
    assert reward.reward(question, answer) == earned


def test_every_question_of_the_reward_can_be_answered() -> None:
    assert not set(reward.QUESTIONS) & set(reward.HELD)
    for text in (*reward.QUESTIONS, *reward.HELD):
        assert reward.ask(text).keys, text


@pytest.mark.parametrize(
    ("answer", "right", "script"),
    [
        ("ใบไม้สีเขียว", 1, 1),
        ("ใบไม้สีแดง", 0, 1),
        ("สีเขียว (green)", 0, 0),
        ("Leaves are green.", 0, 0),
        ("", 0, 0),
    ],
)
def test_thai_letters_are_no_thai_answer(answer: str, right: int, script: int) -> None:
    assert thai.judge(Question("", ("เขียว",)), answer) == {"right": right, "script": script}


def test_an_unknown_lesson_is_refused_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="json, voice, town, reward, thai, own"):
        lesson_called("latin")


def test_a_method_may_have_a_rate_of_its_own() -> None:
    lesson = LESSONS["json"]
    assert lesson.rate("lora") == lesson.lr > lesson.rate("full") == lesson.full_lr


def test_no_torch_is_needed_to_ask_and_judge() -> None:
    code = "import sys, lab.bases.lessons; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
