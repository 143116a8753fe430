"""One method's share of each part of the page, as HTML."""

from __future__ import annotations

from markupsafe import Markup

from web.kit.i18n import number, t
from web.kit.text import escape
from web.methods.family import Box, Member
from web.methods.source import highlighted, lines


def label(member: Member) -> Markup:
    """The method's name with its colour."""
    line = Markup('<p class="mt-label"><i style="background:{}"></i>{}</p>')
    return line.format(member.token, escape(member.name))


def idea(member: Member) -> Markup:
    """Name, paper, what it does and when to use it."""
    paper = member.paper
    return Markup(
        '<div class="mt-idea" style="--own:{token}"><h2>{name}</h2><p>{idea}</p>'
        '<p class="mt-when"><b>{label}</b> {when}</p>'
        '<p class="note-s">{authors} {paper.year} · '
        '<a href="https://arxiv.org/abs/{paper.arxiv}">arXiv:{paper.arxiv}</a></p></div>'
    ).format(
        token=member.token,
        name=escape(member.name),
        idea=escape(t(f"methods.idea.{member.key}")),
        label=escape(t("methods.when")),
        when=escape(t(f"methods.when.{member.key}")),
        authors=escape(paper.authors),
        paper=paper,
    )


def formula(member: Member) -> str:
    """Markdown, with a box around what LoRA has not."""
    rows = r" \\[8pt] ".join(member.formula)
    return rf"$$\begin{{array}}{{l}}\displaystyle {rows}\end{{array}}$$"


def change(member: Member) -> Markup:
    """What changes against LoRA, in a sentence."""
    return Markup('<p class="mt-change">{}</p>').format(escape(t(f"methods.change.{member.key}")))


def legend(member: Member) -> Markup:
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
    entry = Markup('<span><i class="{}"></i>{}</span>')
    entries = [entry.format(kind, escape(t(f"methods.legend.{kind}"))) for kind in kinds if kinds[kind]]
    legend = Markup('<p class="mt-legend" style="--own:{}">{}</p>')
    return legend.format(member.token, Markup("").join(entries))


def source(member: Member) -> Markup:
    """The method's file; on a narrow screen folded away until it is asked for."""
    path = f"lora_core/methods/{member.file.name}"
    length = escape(t("methods.lines", n=number(lines(member.file))))
    return Markup(
        '<section class="mt-source"><details><summary>{file}</summary></details>'
        '<p class="mt-file"><i style="background:{token}"></i>{file}</p>'
        '<pre tabindex="0" role="region" aria-label="{name}" lang="en"><code>{code}</code></pre></section>'
    ).format(
        file=Markup("<code>{}</code> <span>{}</span>").format(path, length),
        token=member.token,
        name=t("methods.source.name", file=path),
        code=highlighted(member.file),
    )
