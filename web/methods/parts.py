"""One method's share of each part of the page, as HTML."""

from __future__ import annotations

from html import escape as attribute

from web.kit.i18n import number, t
from web.kit.text import escape
from web.methods.family import Box, Member
from web.methods.source import highlighted, lines


def label(member: Member) -> str:
    """The method's name with its colour."""
    return f'<p class="mt-label"><i style="background:{member.token}"></i>{escape(member.name)}</p>'


def idea(member: Member) -> str:
    """Name, paper, what it does and when to use it."""
    paper = member.paper
    return (
        f'<div class="mt-idea" style="--own:{member.token}"><h2>{escape(member.name)}</h2>'
        f"<p>{escape(t(f'methods.idea.{member.key}'))}</p>"
        f'<p class="mt-when"><b>{escape(t("methods.when"))}</b> {escape(t(f"methods.when.{member.key}"))}</p>'
        f'<p class="note-s">{escape(paper.authors)} {paper.year} · '
        f'<a href="https://arxiv.org/abs/{paper.arxiv}">arXiv:{paper.arxiv}</a></p></div>'
    )


def formula(member: Member) -> str:
    """Markdown, with a box around what LoRA has not."""
    rows = r" \\[8pt] ".join(member.formula)
    return rf"$$\begin{{array}}{{l}}\displaystyle {rows}\end{{array}}$$"


def change(member: Member) -> str:
    """What changes against LoRA, in a sentence."""
    return f'<p class="mt-change">{escape(t(f"methods.change.{member.key}"))}</p>'


def legend(member: Member) -> str:
    """How a diagram is to be read: only what is in it."""
    items = (*member.diagram, *member.beside)
    boxes = [item for item in items if isinstance(item, Box)]
    kinds = {
        "trains": True,
        "frozen": any(box.state == "frozen" and not box.bits for box in boxes),
        "bits": any(box.bits for box in boxes),
        "changed": any(item.changed for item in items),
        "off": any(box.out for box in boxes),
    }
    entries = "".join(
        f'<span><i class="{kind}"></i>{escape(t(f"methods.legend.{kind}"))}</span>'
        for kind, there in kinds.items()
        if there
    )
    return f'<p class="mt-legend" style="--own:{member.token}">{entries}</p>'


def source(member: Member) -> str:
    """The method's file; on a narrow screen folded away until it is asked for."""
    path = f"lora_core/methods/{member.file.name}"
    told = escape(t("methods.lines", n=number(lines(member.file))))
    name = attribute(t("methods.source.name", file=path))
    file, code = f"<code>{path}</code> <span>{told}</span>", highlighted(member.file)
    return (
        f'<section class="mt-source"><details><summary>{file}</summary></details>'
        f'<p class="mt-file"><i style="background:{member.token}"></i>{file}</p>'
        f'<pre tabindex="0" role="region" aria-label="{name}" lang="en"><code>{code}</code></pre></section>'
    )
