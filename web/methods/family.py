"""The nine methods as the page shows them: formula, diagram, paper, file. No words here, and no Streamlit.

What a method changes against LoRA stands in a box of its formula (`\\boxed`, which the page's style
turns into a wash of colour) and is marked in its diagram.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import lora_core
from lora_core.config import METHODS
from web.kit.colours import method_colour

State = Literal["frozen", "trains", "kept"]


@dataclass(frozen=True)
class Box:
    """A matrix of a diagram.

    Attributes:
        name: W, A, B, A₀, B₀, m, E, or M and V, Adam's moments of W's shape.
        state: what happens to it; "kept" by the optimiser.
        changed: LoRA has none, or has another.
        rate: the learning rate above it.
        bits: it is held in four bits.
        out: how many of its r triplets have been switched off.
    """

    name: str
    state: State
    changed: bool = False
    rate: str = ""
    bits: bool = False
    out: int = 0


@dataclass(frozen=True)
class Sign:
    """What stands between two matrices."""

    text: str
    changed: bool = False


Item = Box | Sign


@dataclass(frozen=True)
class Paper:
    authors: str
    year: int
    arxiv: str


@dataclass(frozen=True)
class Member:
    """One method.

    Attributes:
        name: a proper name, the same in every language.
        formula: lines of TeX.
        diagram: what W + ΔW is made of, from left to right.
        beside: what the optimiser keeps besides, if that is what differs.
    """

    key: str
    name: str
    paper: Paper
    formula: tuple[str, ...]
    diagram: tuple[Item, ...]
    beside: tuple[Item, ...] = ()

    @property
    def file(self) -> Path:
        return FOLDER / f"{self.key.replace('+', '_plus').replace('-', '_')}.py"

    @property
    def token(self) -> str:
        """The method's colour."""
        return method_colour(self.key)


FOLDER = Path(lora_core.__file__).parent / "methods"

W, GAMMA = Box("W", "frozen"), Sign("+ γ")
B, A = Box("B", "trains"), Box("A", "trains")
UPDATE = (GAMMA, B, A)
OFFSET = (Sign("− γ", True), Box("B₀", "frozen", True), Box("A₀", "frozen", True))
SAME = r"h = W x + \gamma\, B A\, x"
RULE = r"\gamma = \alpha / r"
APART = r"h = \bigl(W \,\boxed{-\, \gamma\, B_0 A_0}\bigr)\, x + \gamma\, B A\, x"

_MEMBERS = (
    Member("lora", "LoRA", Paper("Hu et al.", 2021, "2106.09685"), (SAME, RULE), (W, *UPDATE)),
    Member(
        "rslora",
        "rsLoRA",
        Paper("Kalajdzievski", 2023, "2312.03732"),
        (SAME, r"\boxed{\gamma = \alpha / \sqrt{r}}"),
        (W, Sign("+ γ", True), B, A),
    ),
    Member(
        "lora+",
        "LoRA+",
        Paper("Hayou et al.", 2024, "2402.12354"),
        (SAME, r"\eta_A = \eta, \quad \boxed{\eta_B = \lambda\, \eta}"),
        (W, GAMMA, Box("B", "trains", True, "λη"), Box("A", "trains", rate="η")),
    ),
    Member(
        "dora",
        "DoRA",
        Paper("Liu et al.", 2024, "2402.09353"),
        (r"h = \boxed{\dfrac{m}{\lVert V \rVert}} \circ V x", r"V = W + \gamma\, B A"),
        (Box("m", "trains", True), Sign("∘"), Sign("‖", True), W, *UPDATE, Sign("‖", True)),
    ),
    Member(
        "pissa",
        "PiSSA",
        Paper("Meng et al.", 2024, "2404.02948"),
        (APART, r"W = U S V^\top", r"\boxed{\gamma\, B_0 A_0 = U_r S_r V_r^\top}"),
        (W, *OFFSET, *UPDATE),
    ),
    Member(
        "adalora",
        "AdaLoRA",
        Paper("Zhang et al.", 2023, "2303.10512"),
        (r"h = W x + \gamma\, B\, \boxed{\operatorname{diag}(E)}\, A\, x",),
        (W, GAMMA, Box("B", "trains", out=2), Box("E", "trains", True, out=2), Box("A", "trains", out=2)),
    ),
    Member(
        "lora-ga",
        "LoRA-GA",
        Paper("Wang et al.", 2024, "2407.05000"),
        (
            APART,
            r"g = U S V^\top",
            r"\boxed{A_0 \propto V_{1 \ldots r}^\top, \quad B_0 \propto U_{r+1 \ldots 2r}}",
        ),
        (W, *OFFSET, *UPDATE),
    ),
    Member(
        "lora-pro",
        "LoRA-Pro",
        Paper("Wang et al.", 2024, "2407.18242"),
        (
            SAME,
            r"\boxed{\gamma\, (B \hat g_A + \hat g_B A) \approx g}",
        ),
        (W, *UPDATE),
        (Box("M", "kept", True), Box("V", "kept", True)),
    ),
    Member(
        "qlora",
        "QLoRA",
        Paper("Dettmers et al.", 2023, "2305.14314"),
        (r"h = \boxed{\operatorname{deq}(W_{\mathrm{NF4}})}\, x + \gamma\, B A\, x", RULE),
        (Box("W", "frozen", True, bits=True), *UPDATE),
    ),
)
MEMBERS: Mapping[str, Member] = {member.key: member for member in _MEMBERS}
assert tuple(MEMBERS) == METHODS
BY_NAME: Mapping[str, str] = {member.name: member.key for member in _MEMBERS}
