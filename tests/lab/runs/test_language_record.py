"""The recorded runs of the lessons: made with the defaults, consistent, and what the texts say of them."""

import pytest

from lab.bases.lessons import LESSONS
from lab.runs.language_config import LanguageConfig
from lab.runs.language_record import RESULTS, RecordedRun, read_runs

RUNS = {
    f"{lesson}-{method}": run
    for lesson in LESSONS
    for method, run in read_runs(lesson).items()
}  # fmt: skip
ADAPTERS = {name: run for name, run in RUNS.items() if not name.endswith("-full")}


def of(lesson: str, method: str = "lora") -> RecordedRun:
    return RUNS[f"{lesson}-{method}"]


def ends(run: RecordedRun, mark: str) -> tuple[float, float]:
    """A mark before and after."""
    (start, before), *_, (end, after) = run.snapshot.scores
    assert (start, end) == (0, run.recipe.steps)
    return before[mark], after[mark]


def test_each_file_is_that_of_a_lesson() -> None:
    assert {path.stem for path in RESULTS.glob("language-*.json")} <= {f"language-{name}" for name in LESSONS}
    assert ADAPTERS.keys() == {f"{name}-lora" for name, each in LESSONS.items() if each.kind != "own"}


@pytest.mark.parametrize("name", RUNS)
def test_a_run_was_made_with_the_defaults_and_reached_its_end(name: str) -> None:
    run = RUNS[name]
    snapshot, lesson = run.snapshot, LESSONS[run.recipe.lesson]
    assert run.recipe == LanguageConfig.of(run.recipe.lesson, run.recipe.method, seed=run.recipe.seed)
    assert run.model == "smollm2"
    assert (snapshot.state, snapshot.step) == ("done", snapshot.steps)
    assert len(snapshot.rewards if lesson.kind == "reward" else snapshot.losses) == snapshot.steps
    assert [snapshot.answers[0].step, snapshot.answers[-1].step] == [0, snapshot.steps]


@pytest.mark.parametrize("name", RUNS)
def test_the_judge_says_of_the_recorded_answers_what_is_recorded(name: str) -> None:
    lesson = LESSONS[RUNS[name].recipe.lesson]
    for answers in RUNS[name].snapshot.answers:
        assert len(answers.texts) == len(lesson.shown)
        judged = [dict(lesson.judge(*each)) for each in zip(lesson.shown, answers.texts, strict=True)]
        assert judged == answers.marks


@pytest.mark.parametrize("name", [name for name in RUNS if not name.startswith("reward")])
def test_the_loss_held_out_falls(name: str) -> None:
    held_out = RUNS[name].snapshot.held_out
    assert held_out[-1][1] < held_out[0][1]


def test_all_runs_of_a_lesson_begin_with_the_same_answers() -> None:
    for lesson in LESSONS:
        first = [run.snapshot.answers[0] for run in read_runs(lesson).values()]
        assert all(each == first[0] for each in first)


def test_the_form_is_learned_and_the_facts_are_not() -> None:
    run = of("json")
    before, after = ends(run, "form")
    assert before == 0 < 0.9 <= after
    before, after = ends(run, "fact")
    assert after < before, "texts say that some are forgotten"


def test_the_voice_is_learned_and_its_sayings_are_mostly_new() -> None:
    run = of("voice")
    assert ends(run, "voice")[0] == 0
    assert ends(run, "voice")[1] >= 0.9
    assert ends(run, "new")[1] >= 0.7
    assert len(LESSONS["voice"].train()) in range(150, 170), "texts say how many"


def test_facts_are_learned_and_others_forgotten() -> None:
    run = of("town")
    before, after = ends(run, "fact")
    assert before <= 0.05 < 0.4 <= after
    assert run.snapshot.kept[-1][1]["fact"] <= run.snapshot.kept[0][1]["fact"]


def test_what_earns_becomes_likelier() -> None:
    run = of("reward")
    before, after = ends(run, "earned")
    assert before < 0.2 < 0.9 <= after
    assert sum(run.snapshot.rewards[-5:]) > sum(run.snapshot.rewards[:5])


def test_thai_letters_are_learned_and_thai_is_not() -> None:
    run = of("thai")
    assert ends(run, "script")[1] >= 0.8
    assert ends(run, "right")[1] <= 0.2
