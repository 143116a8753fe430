"""How far a job is: a hairline that fills, with words below it."""

from __future__ import annotations

from markupsafe import Markup


def progress(
    css: str, name: str, done: float, *said: str, now: int | None = None, steps: int = 100
) -> Markup:
    """The hairline as HTML.

    Args:
        css: class of what holds the hairline and its words.
        name: what it measures, for who does not see it.
        done: the share that is done, from 0 to 1.
        said: what stands below, each a piece of its own.
        now, steps: what it counts, if not percent.
    """
    return Markup(
        '<div class="{}"><span class="progress" role="progressbar" aria-label="{}" aria-valuemin="0" '
        'aria-valuemax="{}" aria-valuenow="{}"><i style="width:{:.2f}%"></i></span>{}</div>'
    ).format(
        css,
        name,
        steps,
        round(100 * done) if now is None else now,
        100 * done,
        Markup("").join(Markup("<span>{}</span>").format(each) for each in said),
    )
