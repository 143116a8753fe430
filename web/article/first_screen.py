"""The article's first screen in the page as it is served, which stands before any script has run.

The app lays itself over it in the same place; `widgets/document` then takes it away.
"""

import re
from functools import cache

from content.document import load
from web.article.typesetting import Setter
from web.kit.i18n import speaking

PARAGRAPH = re.compile(r"^<span class=\"s\".*$", re.MULTILINE)
CONTROLS = re.compile(r'<span class="hear".*?</span>| tabindex="0" role="term" aria-describedby="[^"]*"')


@cache
def first_screen(language: str, view: str) -> str:
    """The title, and the summary where it comes next, as HTML without what only a script could answer to.

    Args:
        view: what the URL asks for; the summary comes next where the article is read in one language.
    """
    with speaking(language):
        setter = Setter(load(language))
        head, text = setter.head(), setter.summary() if view in ("", "read") else ""
    text = CONTROLS.sub("", PARAGRAPH.sub(r"<p>\g<0></p>", text))
    article = f'<div class="st-key-article_text"><div class="stMarkdown">{text}</div></div>'
    return (
        f'<div id="first" class="stApp" inert><div class="stMain"><div class="st-key-article_head">{head}'
        f'</div><div class="st-key-article">{article}</div></div></div>'
    )
