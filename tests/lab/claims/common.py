"""Shared by the tests of the verdicts' rules."""

from lab.claims import Result, load


def judged(name: str, result: Result) -> tuple[str, set[str]]:
    """The outcome, and the checks that failed."""
    verdict = load(name).verdict(result)
    return verdict.outcome, {check for check, held in verdict.checks.items() if not held}


def seeds(value: float, spread: float = 0.01) -> list[float | None]:
    """Five that scatter about a value."""
    return [value + spread * place for place in (-1, 0, 1, -1, 1)]
