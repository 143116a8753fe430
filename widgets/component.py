"""A component from the files of its folder: `widget.js`, `widget.css` and, if it has one, `widget.html`.

The styles of `widgets/shared.css` stand before the component's own, so that a slider or a pill looks
the same inside a component (whose styles are isolated) as on the page. A long script may be split: the
folder's other `.js` files stand before `widget.js`, in the order of their names, as one module; before them
what several components need, from `widgets/shared/`.
"""

from collections.abc import Sequence
from pathlib import Path

import streamlit as st
from streamlit.components.v2.types import ComponentRenderer

HERE = Path(__file__).parent


def component(name: str, *, shared: Sequence[str] = (), isolate_styles: bool = True) -> ComponentRenderer:
    """Register the component in `widgets/<name>/`. Call once, at import.

    Args:
        name: the folder's name.
        shared: names of scripts in `widgets/shared/` that it uses.
        isolate_styles: False for a component whose styles or DOM belong to the whole document.
    """
    folder = HERE / name
    styles = (HERE / "shared.css").read_text("utf-8") if isolate_styles else ""
    html = folder / "widget.html"
    css = folder / "widget.css"
    scripts = [HERE / "shared" / f"{each}.js" for each in shared]
    scripts += [*sorted(set(folder.glob("*.js")) - {folder / "widget.js"}), folder / "widget.js"]
    return st.components.v2.component(
        f"pradit_{name}",
        html=html.read_text("utf-8") if html.exists() else "<div></div>",
        css=styles + (css.read_text("utf-8") if css.exists() else ""),
        js="\n".join(path.read_text("utf-8") for path in scripts),
        isolate_styles=isolate_styles,
    )
