"""What stands below the article: notes, glossary, references, and how to cite."""

from collections.abc import Sequence

from markupsafe import Markup

from content.references import references
from content.terms import glossary
from web.article.citations import authors, place, source
from web.article.typesetting import Setter
from web.kit.i18n import t
from web.kit.text import escape, prepare, running

LIST = Markup("<ol>\n\n{}\n\n</ol>")


def foot(setters: Sequence[Setter]) -> Markup:
    """The footnotes as a list, for screens without a margin and for print; in each language that is shown."""
    item = Markup('<li id="foot-{n}">\n\n{first}&nbsp;{back}{beside}\n\n</li>')
    link = Markup('<a href="#mark-{}" aria-label="{}">↑</a>')
    other = Markup('\n\n<span lang="{}">{}</span>')
    items = []
    for notes in zip(*(setter.article.notes for setter in setters), strict=True):
        n = notes[0].number
        first, *others = (setter.note(note) for setter, note in zip(setters, notes, strict=True))
        beside = [
            other.format(setter.article.language, text)
            for setter, text in zip(setters[1:], others, strict=True)
        ]
        back = link.format(n, t("article.back", n=n))
        items.append(item.format(n=n, first=first, back=back, beside=Markup("").join(beside)))
    return appendix("foot", "notes", LIST.format(Markup("\n\n").join(items)))


def terms(setters: Sequence[Setter]) -> Markup:
    """The terms that the article uses, with their meaning; a term in the text is described by it."""
    row = Markup('<div id="{}"><dt>{}{}</dt><dd>{}</dd></div>')
    english = Markup(' <span lang="en">({})</span>')
    lists = []
    for setter in setters:
        language = setter.article.language
        used = {
            piece.term for section in setter.article.chapters for s in section.sentences for piece in s.pieces
        }
        found = sorted((glossary()[key] for key in used if key), key=lambda term: term.words(language))
        prepare(term.meaning(language) for term in found)
        rows = [
            row.format(
                setter.term(term.key),
                escape(term.words(language)),
                english.format(escape(term.en)) if language != "en" else "",
                running(term.meaning(language)),
            )
            for term in found
        ]
        lists.append(Markup('<dl lang="{}">{}</dl>').format(language, Markup("").join(rows)))
    return appendix("terms", "terms", Markup("\n\n").join(lists))


def works(setter: Setter) -> Markup:
    """The works cited, and whose findings and words these are."""
    item = Markup('<li id="reference-{}">{} ({}). <cite>{}</cite>. {}</li>')
    items = [
        item.format(number, escape(authors(work)), work.year, escape(work.title), place(work))
        for number, work in enumerate((references()[key] for key in setter.article.citations), 1)
    ]
    credit = Markup('<p class="credit">{} {}</p>').format(running(setter.article.credit), place(source()))
    body = Markup("{}\n\n{}").format(LIST.format(Markup("\n").join(items)), credit)
    return appendix("references", "references", body)


def appendix(kind: str, name: str, body: Markup) -> Markup:
    return Markup(
        '<section class="{kind}" aria-labelledby="{name}">\n\n'
        '<h2 class="label" data-anchor="{name}">{title}</h2>\n\n{body}\n\n</section>'
    ).format(kind=kind, name=name, title=running(t(f"article.{name}"), terms=False), body=body)
