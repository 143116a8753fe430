"""Two languages side by side: each block faces its counterpart, sentence for sentence the same."""

from collections.abc import Iterator

from content.model import Figure, Formula, List, Section
from web.article.typesetting import Setter
from web.kit.text import escape


def pair(first: Setter, one: str, beside: Setter, other: str) -> str:
    """Two texts that face each other; on narrow screens the second follows the first."""
    sides = "\n\n".join(
        f'<div lang="{setter.article.language}">\n\n{text}\n\n</div>'
        for setter, text in ((first, one), (beside, other))
    )
    return f'<div class="pair">\n\n{sides}\n\n</div>'


def facing(
    first: Setter, beside: Setter, one: Section, other: Section, kind: str = ""
) -> Iterator[str | Figure]:
    """A section's Markdown in both languages, cut only where a figure stands; formulas stand once."""
    title = f'<p class="title {kind}">{escape(other.title)}</p>'
    parts = [pair(first, first.title(one, kind), beside, title)]
    for block, counterpart in zip(one.blocks, other.blocks, strict=True):
        if isinstance(block, Figure):
            yield "\n\n".join(parts)
            yield block
            parts = []
        elif isinstance(block, Formula):
            parts.append(first.block(block))
        elif isinstance(block, List) and isinstance(counterpart, List):
            for number, items in enumerate(zip(block.items, counterpart.items, strict=True), 1):
                ours, theirs = (
                    setter.item(item, number, block.ordered)
                    for setter, item in zip((first, beside), items, strict=True)
                )
                parts.append(pair(first, ours, beside, theirs))
        elif not isinstance(counterpart, Figure):
            parts.append(pair(first, first.block(block), beside, beside.block(counterpart)))
    yield "\n\n".join([*parts, first.turn(one)])


def summary(first: Setter, beside: Setter) -> str:
    """The summary's box in both languages."""
    text = "\n\n".join(
        part
        for part in facing(first, beside, first.article.tldr, beside.article.tldr, "label")
        if isinstance(part, str)
    )
    return f'<section class="tldr" aria-labelledby="tldr">\n\n{text}\n\n</section>'
