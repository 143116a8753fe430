"""What serving takes, counted: the base once and N adapters, against N whole models."""

from __future__ import annotations

from functools import cache

from markupsafe import Markup

from lab.bases import tenants
from lab.bases.registry import BASES
from lab.bases.tenants import TENANTS
from lab.data import CHECKPOINTS
from lab.runs.serving_config import names_of
from web.kit.i18n import number, t, tn

FLOAT = 4  # bytes
EMBEDDINGS = 192 * 64 + 64 * 64  # numbers of the base that no linear layer holds: characters and positions


@cache
def base_bytes() -> int:
    """The base in memory: every number of its linear layers and embeddings."""
    linear = sum(d_out * d_in for d_out, d_in in BASES[tenants.BASE].layers.values())
    return FLOAT * (linear + EMBEDDINGS)


def base_file() -> int:
    """The base on the disk."""
    return (CHECKPOINTS / f"{tenants.BASE}.safetensors").stat().st_size


def adapters_bytes(count: int) -> int:
    """So many adapters in memory, copies counted like the tenants that they copy."""
    return sum(FLOAT * tenants.parameters(name.split("/")[0]) for name in names_of(count))


def adapters_files(count: int) -> int:
    """The same on the disk."""
    return sum(tenants.file_bytes(name.split("/")[0]) for name in names_of(count))


def times(count: int) -> float:
    """How many times the memory of base and adapters the whole models take."""
    return count * base_bytes() / (base_bytes() + adapters_bytes(count))


def table(count: int, reserved: int | None) -> Markup:
    """The counts as HTML."""
    base, file = base_bytes(), base_file()
    held, files = adapters_bytes(count), adapters_files(count)
    rows = [
        ("base", base, file),
        ("adapters", held, files),
        ("together", base + held, file + files),
        ("copies", count * base, count * file),
    ]
    row = Markup(
        '<tr class="sv-{}"><th scope="row">{}<i style="width:{:.1f}%"></i></th><td>{}</td><td>{}</td></tr>'
    )
    body = Markup("").join(
        row.format(
            key,
            t(f"serving.memory.{key}", n=number(count)),
            100 * memory / (count * base),
            size(memory),
            size(disk),
        )
        for key, memory, disk in rows
    )
    copies = count - len(TENANTS)
    notes = [tn("serving.memory.copies_note", copies) if copies > 0 else t("serving.memory.counted")]
    if reserved:
        notes.append(t("serving.memory.reserved", size=size(reserved)))
    heads = (t(f"serving.memory.{name}") for name in ("what", "memory", "files"))
    return Markup(
        '<table class="sv-memory num"><thead><tr><th scope="col"><span class="vh">{}</span></th>'
        '<th scope="col">{}</th><th scope="col">{}</th></tr></thead><tbody>{}</tbody></table>'
        '<p class="cap">{}</p>'
    ).format(*heads, body, " ".join(notes))


def size(value: float) -> str:
    """Bytes as a reader counts them: `530 kB`, `12.4 MB`."""
    if value < 1e6:
        return t("serving.kb", n=number(value / 1000, 0))
    return t("serving.mb", n=number(value / 1e6, 1))
