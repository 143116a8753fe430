"""Formulas as words: a subset of TeX (what the article's formulas use) and plain mathematics (γBA, W′, α/√r).

A recursive reader: row -> atoms with their primes, subscripts and powers. Letters stand apart ("B A"), so
that every voice names them; words come from the language's lexicon.
"""

import re

from content.pronunciation import Lexicon, lexicon
from narration.numbers import SUPERSCRIPTS, cardinal

_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\s+|.", re.DOTALL)

_COMMANDS = {
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "varepsilon": "ε", "zeta": "ζ",
    "eta": "η", "theta": "θ", "kappa": "κ", "lambda": "λ", "mu": "μ", "nu": "ν", "xi": "ξ", "pi": "π",
    "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ", "varphi": "φ", "chi": "χ", "psi": "ψ", "omega": "ω",
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Pi": "Π", "Sigma": "Σ", "Phi": "Φ",
    "Psi": "Ψ", "Omega": "Ω", "times": "×", "cdot": "·", "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥",
    "ll": "≪", "gg": "≫", "ne": "≠", "neq": "≠", "approx": "≈", "sim": "∼", "equiv": "≡", "coloneqq": "≔",
    "pm": "±", "propto": "∝", "to": "→", "rightarrow": "→", "Rightarrow": "⇒", "in": "∈", "notin": "∉",
    "subset": "⊂", "infty": "∞", "partial": "∂", "nabla": "∇", "sum": "∑", "prod": "∏", "int": "∫",
    "circ": "∘", "odot": "⊙", "otimes": "⊗", "div": "÷", "ell": "ℓ", "lt": "<", "gt": ">", "dots": "…",
    "ldots": "…", "cdots": "…", "lVert": "‖", "rVert": "‖", "Vert": "‖", "|": "‖", "vert": "|",
    "lvert": "|", "rvert": "|", "%": "%", "prime": "′",
}  # fmt: skip
_ACCENTS = {
    "hat": "hat",
    "widehat": "hat",
    "bar": "bar",
    "overline": "bar",
    "tilde": "tilde",
    "widetilde": "tilde",
}
_TEXT = {"text", "mathrm", "operatorname", "textrm", "textbf", "mathtt", "texttt"}
_SILENT = {
    "left", "right", "big", "Big", "bigl", "bigr", "Bigl", "Bigr", "mathbf", "mathbb", "mathcal",
    "boldsymbol", "mathit", "displaystyle", "quad", "qquad", "underbrace", "overbrace", "limits", "rm", "bf",
}  # fmt: skip
_BIG, _PRIMES, _SPACES = set("∑∏∫"), set("'′″’"), {"~", "\\,", "\\;", "\\!", "\\:", "\\ "}
_INDEX = {"T": "transpose", "⊤": "transpose", "*": "star", "⋆": "star", "-1": "inverse", "−1": "inverse"}


def read(formula: str, language: str) -> str:
    """The words of a formula.

    Args:
        formula: TeX without its dollars, or plain mathematics.
        language: "en" or "th".

    Returns:
        Words separated by spaces, with commas where a voice should breathe; Latin letters stand alone.
    """
    reader = _Reader(_normal(formula), lexicon(language), language)
    words = reader.row(set())
    while reader.position < len(reader.tokens):  # an unmatched brace: go on after it
        reader.position += 1
        words += reader.row(set())
    return re.sub(r"(\s*,)+", ",", " ".join(words)).strip(" ,")


def _normal(formula: str) -> str:
    """Plain mathematics in the words of TeX: ² -> ^{2}, √r -> \\sqrt{r}."""
    formula = re.sub(r"[⁰¹²³⁴-⁹⁻⁺]+", lambda m: f"^{{{m[0].translate(SUPERSCRIPTS)}}}", formula)
    formula = formula.replace("ᵀ", "^{T}").replace("⊤", "^{T}").replace("‑", "-")
    return re.sub(r"√\s*(\w|\([^()]*\))", r"\\sqrt{\1}", formula)


class _Reader:
    def __init__(self, formula: str, words: Lexicon, language: str) -> None:
        self.tokens = [token for token in _TOKEN.findall(formula) if not token.isspace()]
        self.words, self.language, self.position = words, language, 0

    def peek(self) -> str:
        return self.tokens[self.position] if self.position < len(self.tokens) else ""

    def next(self) -> str:
        token = self.peek()
        self.position += 1
        return token

    def row(self, stops: set[str]) -> list[str]:
        """Words up to a stop token or a closing brace (not consumed)."""
        spoken: list[str] = []
        while (token := self.peek()) and token not in stops and token != "}":
            before = self.position
            spoken += self.scripts(self.atom(bool(spoken)), token)
            if self.position == before:
                self.position += 1
        return spoken

    def group(self) -> list[str]:
        """The argument of a command or script: a braced row, or one atom."""
        if self.peek() != "{":
            return self.atom(False)
        self.next()
        words = self.row(set())
        if self.peek() == "}":
            self.next()
        return words

    def raw(self) -> str:
        """The text of a braced group as written."""
        if self.peek() != "{":
            return self.next()
        self.next()
        depth, text = 1, ""
        while self.peek():
            token = self.next()
            depth += (token == "{") - (token == "}")
            if not depth:
                break
            text += token
        return text

    def scripts(self, spoken: list[str], base: str) -> list[str]:
        """The primes, indices and powers after an atom."""
        say = self.words.say
        sub: list[str] = []
        power: list[str] = []
        symbol = _COMMANDS.get(base[1:], base) if base.startswith("\\") else base
        big = symbol in _BIG
        while (mark := self.peek()) in {"^", "_"} | _PRIMES and mark:
            self.next()
            if mark in _PRIMES:
                spoken = [*spoken, *[say["prime"]] * (2 if mark == "″" else 1)]
            elif mark == "_":
                sub = self.group()
            else:
                power = self.group() if big else self.power()
        if big:
            limits = [say["from"], *sub, say["to"], *power] if sub and power else [*sub, *power]
            return [*spoken, *limits, say["of"]]
        return [*spoken, *sub, *power]

    def power(self) -> list[str]:
        say, start = self.words.say, self.position
        text = self.raw().strip()
        text = {"\\top": "T", "\\intercal": "T", "\\dagger": "+"}.get(text, text)
        if text in _INDEX:
            return [say[_INDEX[text]]]
        if text in {"2", "3"}:
            return [say["squared" if text == "2" else "cubed"]]
        if text == "'" or text == "\\prime":
            return [say["prime"]]
        self.position = start
        words = self.group()
        if "\\times" in text or "×" in text:
            return [say["size"], *(say["by"] if word == self.words.symbol["×"] else word for word in words)]
        return [say["power"], *words]

    def atom(self, within: bool) -> list[str]:
        say, symbols = self.words.say, self.words.symbol
        token = self.next()
        if not token:
            return []
        if token == "{":
            self.position -= 1
            return self.group()
        if token.startswith("\\"):
            return self.command(token[1:], within)
        if token[0].isdigit():
            return [cardinal(token, self.language)]
        if token in "‖|":
            inside = self.row({token, "\\rVert", "\\|", "\\rvert", "\\Vert"})
            self.next()
            return [say["norm" if token == "‖" else "absolute"], *inside]
        if token in "-−–":
            return [say["minus" if within else "negative"]]
        if token == "/":
            return [say["over"]]
        if token in symbols:
            return [symbols[token]]
        if token == "%":
            return [self.words.unit["%"][1]]
        if token in "([])},;:&":
            return [","] if within and self.peek() else []
        if token in _PRIMES | _SPACES | {"\\\\", "^", "_", "."}:
            return []
        return [token]

    def command(self, name: str, within: bool) -> list[str]:
        say = self.words.say
        if name in {"frac", "dfrac", "tfrac"}:
            top, bottom = self.group(), self.group()
            return [*top, say["over"], *bottom, *([","] if len(bottom) > 1 else [])]
        if name == "sqrt":
            if self.peek() == "[":
                self.next()
                index = self.row({"]"})
                self.next()
                return [*index, say["nth_root"], *self.group()]
            return [say["root"], *self.group()]
        if name in _ACCENTS:
            return [*self.group(), say[_ACCENTS[name]]]
        if name in _TEXT:
            text = self.raw().replace("_", " ").strip()
            return [self.words.symbol.get("\\" + text, text)]
        if name in {"begin", "end"}:
            self.raw()
            return []
        symbol = _COMMANDS.get(name)
        if symbol == "%":
            return [self.words.unit["%"][1]]
        if symbol in ("‖", "|"):
            inside = self.row({"\\rVert", "\\Vert", "\\|", "\\rvert", "\\vert"})
            self.next()
            return [say["norm" if symbol == "‖" else "absolute"], *inside]
        if symbol == "′":
            return [say["prime"]]
        if symbol:
            return [self.words.symbol[symbol]]
        if "\\" + name in self.words.symbol:
            return [self.words.symbol["\\" + name]]
        if name in _SILENT or not name.isalpha():
            return []
        return [name]
