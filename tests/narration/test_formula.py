"""Formulas as words, in both languages."""

import pytest

from narration.formula import read

ENGLISH = {
    r"\gamma = \frac{\alpha}{r}": "gamma equals alpha over r",
    r"\Delta W = \gamma B A": "delta W equals gamma B A",
    r"W'": "W prime",
    r"x^2 + y_1^3": "x squared plus y 1 cubed".replace("1", "one"),
    r"A \in \mathbb{R}^{r \times d_\text{in}}": "A in R to the r by d in",
    r"\lVert \Delta W - BA \rVert_F": "the norm of delta W minus B A F",
    r"\sum_{i=1}^{n} \sigma_i^2": "the sum from i equals one to n of sigma i squared",
    r"\sqrt{d_\text{in}}": "the square root of d in",
    r"A^\top A \ne B^{-1}": "A transpose A is not equal to B inverse",
    r"\hat{y} \approx 10^{-4}": "y hat is about ten to the power of minus four",
    r"0 < r \le 32": "zero is less than r is at most thirty-two",
    r"\left( a, b \right]": "a, b",
    r"\mathcal{L}(\theta)": "L, theta",
    r"\frac{\partial L}{\partial A}": "partial L over partial A",
    r"e^{x": "e to the power of x",
    r"x^": "x to the power of",
    r"x_": "x",
    r"\frac{": "over",
    r"\|x": "the norm of x",
    r"\unknown{x}": "unknown x",
    "h = Wx + γBAx": "h equals W x plus gamma B A x",
    "α/√r": "alpha over the square root of r",
    "W⁻¹ and": "W inverse a n d",
    "": "",
}
THAI = {
    r"W' = W + \gamma BA": "W ไพรม์ เท่ากับ W บวก แกมมา B A",
    r"\frac{\alpha}{\sqrt{r}}": "แอลฟา หาร รากที่สองของ r",
    r"r \le 32": "r น้อยกว่าหรือเท่ากับ สามสิบสอง",
}


@pytest.mark.parametrize(("formula", "said"), ENGLISH.items())
def test_english(formula: str, said: str) -> None:
    assert read(formula, "en") == said


@pytest.mark.parametrize(("formula", "said"), THAI.items())
def test_thai(formula: str, said: str) -> None:
    assert read(formula, "th") == said
