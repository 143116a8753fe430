"""Two languages side by side: each block faces its counterpart, sentence for sentence the same."""

from collections.abc import Iterator

from markupsafe import Markup

from content.model import Figure, Formula, List, Section
from web.article.typesetting import SUMMARY, Setter
from web.kit.text import running


def pair(first: Setter, one: Markup, beside: Setter, other: Markup) -> Markup:
    """Two texts that face each other; on narrow screens the second follows the first."""
    side = Markup('<div lang="{}">\n\n{}\n\n</div>')
    sides = [side.format(setter.article.language, text) for setter, text in ((first, one), (beside, other))]
    return Markup('<div class="pair">\n\n{}\n\n</div>').format(Markup("\n\n").join(sides))


def facing(
    first: Setter, beside: Setter, one: Section, other: Section, kind: str = ""
) -> Iterator[Markup | Figure]:
    """A section's Markdown in both languages, cut only where a figure stands; formulas stand once."""
    title = Markup('<p class="title {}">{}</p>').format(kind, running(other.title, terms=False))
    parts = [pair(first, first.title(one, kind), beside, title)]
    for block, counterpart in zip(one.blocks, other.blocks, strict=True):
        if isinstance(block, Figure):
            yield Markup("\n\n").join(parts)
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
    yield Markup("\n\n").join([*parts, first.turn(one)])


def summary(first: Setter, beside: Setter) -> Markup:
    """The summary's box in both languages."""
    parts = facing(first, beside, first.article.tldr, beside.article.tldr, "label")
    return SUMMARY.format(Markup("\n\n").join(part for part in parts if not isinstance(part, Figure)))
