"""The tour's five stops: which control of which page, and what it says there."""

from typing import Literal

from web.frame.navigation import PAGES
from web.kit.i18n import group, t
from widgets.tour.widget import Stop, tour

# Page, control, and what the tour does with it.
STOPS: tuple[tuple[str, str, Literal["press", "move"]], ...] = (
    ("article", ".st-key-view [role=radio]:last-of-type", "press"),
    ("matrices", ".st-key-matrices >>> #rank", "move"),
    ("fine_tune", ".st-key-ft_train button", "press"),
    ("experiments", ".st-key-ex_run_c07_invariance button", "press"),
    ("decompose", ".st-key-decompose >>> input[type=range]", "move"),
)


def frame_tour() -> str | None:
    """Put the tour into the frame; the key of the page that the reader is to be led to, if any."""
    paths = {page.key: page.path for page in PAGES}
    stops = [
        Stop(key, paths[key], target, act, t(f"tour.title.{key}"), t(f"tour.text.{key}"), t(f"tour.do.{key}"))
        for key, target, act in STOPS
        if key in paths
    ]
    return tour(stops, text=group("tour.card"))
