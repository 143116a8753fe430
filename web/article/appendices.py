"""What stands below the article: notes, glossary, references, and how to cite."""

from collections.abc import Sequence

from content.references import references
from content.terms import glossary
from web.article.citations import authors, place, source
from web.article.typesetting import Setter
from web.article.words import label
from web.kit.i18n import t
from web.kit.text import escape


def foot(setters: Sequence[Setter]) -> str:
    """The footnotes as a list, for screens without a margin and for print; in each language that is shown."""
    items = []
    for notes in zip(*(setter.article.notes for setter in setters), strict=True):
        n = notes[0].number
        back = f'<a href="#mark-{n}" aria-label="{label("article.back", n=n)}">↑</a>'
        first, *others = (setter.note(note) for setter, note in zip(setters, notes, strict=True))
        beside = "".join(
            f'\n\n<span lang="{setter.article.language}">{text}</span>'
            for setter, text in zip(setters[1:], others, strict=True)
        )
        items.append(f'<li id="foot-{n}">\n\n{first}&nbsp;{back}{beside}\n\n</li>')
    return appendix("foot", "notes", "<ol>\n\n" + "\n\n".join(items) + "\n\n</ol>")


def terms(setters: Sequence[Setter]) -> str:
    """The terms that the article uses, with their meaning; a term in the text is described by it."""
    lists = []
    for setter in setters:
        language = setter.article.language
        used = {
            piece.term for section in setter.article.chapters for s in section.sentences for piece in s.pieces
        }
        found = sorted((glossary()[key] for key in used if key), key=lambda term: term.words(language))
        rows = [
            f'<div id="{setter.term(term.key)}"><dt>{escape(term.words(language))}'
            + (f' <span lang="en">({escape(term.en)})</span>' if language != "en" else "")
            + f"</dt><dd>{escape(term.meaning(language))}</dd></div>"
            for term in found
        ]
        lists.append(f'<dl lang="{language}">{"".join(rows)}</dl>')
    return appendix("terms", "terms", "\n\n".join(lists))


def works(setter: Setter) -> str:
    """The works cited, and whose findings and words these are."""
    items = [
        f'<li id="reference-{number}">{escape(authors(work))} ({work.year}). '
        f"<cite>{escape(work.title)}</cite>. {place(work)}</li>"
        for number, work in enumerate((references()[key] for key in setter.article.citations), 1)
    ]
    credit = f'<p class="credit">{escape(setter.article.credit)} {place(source())}</p>'
    return appendix("references", "references", "<ol>\n\n" + "\n".join(items) + f"\n\n</ol>\n\n{credit}")


def appendix(kind: str, name: str, body: str) -> str:
    heading = f'<h2 class="label" data-anchor="{name}">{escape(t(f"article.{name}"))}</h2>'
    return f'<section class="{kind}" aria-labelledby="{name}">\n\n{heading}\n\n{body}\n\n</section>'
