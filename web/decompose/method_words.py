"""What the five approximations are called, and what each is good for."""

from markupsafe import Markup

from lora_core.matrix.nested import DECOMPOSITIONS
from web.decompose import sources
from web.kit.i18n import t
from web.kit.text import variables
from widgets.decompose.view import SPECTRA


def names() -> dict[str, str]:
    """What the widget calls the matrices, the methods and the spectra."""
    return {
        **{f"source_{name}": t(f"decompose.source.{name}") for name in sources.thumbs()},
        **{name: t(f"decompose.method.{name}") for name in DECOMPOSITIONS},
        **{f"short_{name}": t(f"decompose.short.{name}") for name in DECOMPOSITIONS},
        **{f"formula_{name}": t(f"decompose.formula.{name}") for name in DECOMPOSITIONS},
        **{f"spectrum_{name}": t(f"decompose.spectrum.{name}") for name in SPECTRA},
    }


def uses() -> Markup:
    """What each method is good for, as HTML."""
    entry = Markup('<section><h3>{}</h3><p class="note-s">{}</p><p>{}</p></section>')
    entries = [
        entry.format(*(variables(t(f"decompose.{part}.{name}")) for part in ("full", "formula", "good")))
        for name in DECOMPOSITIONS
    ]
    page = Markup('<h2>{}</h2><div class="decompose-good">{}</div>')
    return page.format(variables(t("decompose.good")), Markup("").join(entries))
