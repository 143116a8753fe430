"""The article's first screen in the page as it is served, which stands before any script has run.

The app comes to stand in the same place; `web/static/first.js` then takes it away.
"""

import re
from functools import cache

from markupsafe import Markup

from content.document import load
from web.article.typesetting import Setter
from web.kit.i18n import speaking

PARAGRAPH = re.compile(r"^<span class=\"s\".*$", re.MULTILINE)
CONTROLS = re.compile(r'<span class="hear".*?</span>| tabindex="0" role="term" aria-describedby="[^"]*"')


def first_screen(language: str, view: str) -> Markup:
    """The title, and the summary where it comes next, as HTML without what only a script could answer to.

    Args:
        view: what the URL asks for; the summary comes next where the article is read in one language.
    """
    return _first_screen(language, view in ("", "read"))


@cache
def _first_screen(language: str, summary: bool) -> Markup:
    with speaking(language):
        setter = Setter(load(language))
        head, text = setter.head(), setter.summary() if summary else ""
    text = Markup(CONTROLS.sub("", PARAGRAPH.sub(r"<p>\g<0></p>", str(text))))
    return Markup(
        '<div id="first" class="stApp" inert><div class="stMain"><div class="st-key-article_head">{}</div>'
        '<div class="st-key-article"><div class="st-key-article_text"><div class="stMarkdown">{}</div></div>'
        "</div></div></div>"
    ).format(head, text)
