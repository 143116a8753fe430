"""Text as HTML: what is put into a page is escaped by markupsafe, here and nowhere else.

HTML is written as a template, `Markup('<p id="{}">{}</p>').format(name, escape(text))`. What is put in is
escaped unless it is `Markup` already, so a plain string may stand in an attribute as it is. Running text goes
through `escape`, which also keeps Markdown from reading anything into it.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

import markupsafe
from markupsafe import Markup

from content import thai_words
from content.terms import unbroken_pattern

MARKDOWN = re.compile(r"(?<!&)#|[\\`*_\[\]{}~$:|^=]")
"""What Markdown would read, in text whose HTML is escaped: an ampersand before `#` begins an entity there."""

THAI = re.compile(r"[\u0e00-\u0e7f]")

RUN = re.compile("[\u0e01-\u0e3a\u0e40-\u0e45\u0e47-\u0e4e]+")
"""Thai script without spaces: what a segmenter cuts into words. ๆ keeps to the word before it."""

SPLITS = re.compile(".(?<![เแโใไ])[ก-ฮเแโใไ]")
"""Where a browser that does not know a word might end a line in it: before a letter that can begin a word."""

BREAK = Markup("<wbr>")


def escape(text: str) -> Markup:
    """Running text that neither Markdown nor HTML reads anything into; Thai terms kept in one piece.

    Its spans have no place in an attribute: there a plain string is enough.
    """
    safe = MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", markupsafe.escape(text))
    safe = safe.replace(" ๆ", "\u00a0ๆ")
    return Markup(unbroken_pattern().sub(r'<span class="nb">\g<0></span>', safe))


@lru_cache(maxsize=8192)
def running(text: str, *, terms: bool = True) -> Markup:
    """`escape`, for text whose Thai lines end between the words that our own segmenter finds.

    Browsers cut Thai by dictionaries of their own, which lack loanwords and lose the words beside them.
    Here a line may end at `<wbr>`, and each word stays whole; neither changes the text or its offsets.

    Args:
        terms: a term stays whole too; large type on a narrow screen has no room for that.
    """
    made, at = Markup(""), 0
    for run in RUN.finditer(text):
        words = (run[0][a:b] for a, b in _words(run[0], terms))
        made += escape(text[at : run.start()]) + BREAK.join(map(_whole, words))
        at = run.end()
    return made + escape(text[at:])


def prepare(texts: Iterable[str]) -> None:
    """Cut many texts at once, so that `running` need not start the segmenter for each."""
    thai_words.prepare(run for text in texts for run in RUN.findall(text))


def joint(before: str, after: str) -> Markup:
    """What stands between two elements of one text: a place for a line to end, where both sides are Thai."""
    meets = bool(before and after and RUN.match(before[-1]) and RUN.match(after[0]))
    return BREAK if meets else Markup("")


def _words(run: str, terms: bool) -> list[tuple[int, int]]:
    words = thai_words.segment(run)
    if terms:
        return list(words)
    return [(a + x, a + y) for a, b in words for x, y in thai_words.parts(run[a:b])]


def _whole(word: str) -> Markup:
    return Markup('<span class="nb">{}</span>').format(word) if SPLITS.search(word) else Markup(word)


def language_of(text: str) -> str:
    """The language that a model's text is read in: "th" if more than a quarter of it is Thai, else "en"."""
    return "th" if len(THAI.findall(text)) > len(text) / 4 else "en"


def heading(title: str, about: str = "") -> Markup:
    """The title of a part of a page, and a sentence under it."""
    below = Markup('<p class="cap">{}</p>').format(about) if about else ""
    return Markup("<h2>{}</h2>{}").format(title, below)


def variables(text: str) -> Markup:
    """Running text with `*W*` as a variable."""
    return Markup("").join(
        Markup('<i class="m">{}</i>').format(escape(part)) if odd % 2 else escape(part)
        for odd, part in enumerate(text.split("*"))
    )
