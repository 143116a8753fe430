"""All that a reader reads, for the tests that hold it to rules."""

from content.catalog import catalog
from content.document import load
from content.terms import glossary


def everything(language: str) -> dict[str, str]:
    """Every text of a language, by where it stands: a string's key, a sentence's id, a term's."""
    strings = {
        key: text if isinstance(text, str) else " ".join(text) for key, text in catalog(language).items()
    }
    article = load(language)
    head = {
        "article title": article.title,
        "article subtitle": article.subtitle,
        "article lead": article.lead,
        "article credit": article.credit,
    }
    sections = {f"article {section.id}": section.title for section in article.chapters}
    spoken = [s for section in article.chapters for s in section.sentences]
    noted = [s for note in article.notes for s in note.sentences]
    sentences = {f"article {sentence.id}": sentence.plain for sentence in (*spoken, *noted)}
    terms = {f"term {term.key}": term.meaning(language) for term in glossary().values()}
    return strings | head | sections | sentences | terms
