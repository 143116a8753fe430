"""The works that are cited, as a list of references and as BibTeX name them."""

from markupsafe import Markup

from content.model import Article
from content.references import Reference, references
from web.kit.i18n import t
from web.kit.text import escape


def source() -> Reference:
    """The article that this one accompanies."""
    return references()["schulman2025"]


def authors(work: Reference) -> str:
    """The authors as a list of references names them."""
    *first, last = work.authors
    if work.et_al:
        return t("article.et_al", names=", ".join(work.authors))
    return t("article.two_authors", first=", ".join(first), last=last) if first else last


def place(work: Reference) -> Markup:
    """A link to where a work is found."""
    link = Markup('<a class="nb" href="{}" translate="no">{}</a>')
    return link.format(work.url, escape(work.place))


def short(work: Reference) -> str:
    return f"{authors(work)} ({work.year}). {work.title}"


def bibtex(work: Reference) -> str:
    """A work as an entry of BibTeX; names are kept as they are written."""
    names = [name if ", " in name else f"{{{name}}}" for name in work.authors] + ["others"] * work.et_al
    place = {"doi": work.doi} if work.doi else {"eprint": work.arxiv, "archiveprefix": "arXiv"}
    fields = {"author": " and ".join(names), "title": f"{{{work.title}}}", "year": str(work.year), **place}
    return entry("article" if work.doi else "misc", work.key, fields)


def our_bibtex(article: Article) -> str:
    """This work as an entry of BibTeX."""
    day = article.date
    fields = {
        "author": "{Pradit maintainers}",
        "title": f"{{{article.title}}}",
        "year": str(day.year),
        "month": f"{day:%b}".lower(),
        "note": article.subtitle,
    }
    return entry("misc", f"pradit{day.year}", fields)


def entry(kind: str, key: str, fields: dict[str, str]) -> str:
    """One entry: `@misc{key, author = {…}, …}`, a field a line."""
    bare = ("month",)
    lines = [f"  {name} = {value if name in bare else f'{{{value}}}'}," for name, value in fields.items()]
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])
