"""Text to tokens and back, by the `tokenizers` package.

Byte-level BPE (Sennrich et al. 2016, arXiv:1508.07909; bytes as in GPT-2): text is cut into pieces first, and
pairs merge inside a piece only. Families differ in how they cut.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

SPECIAL = 3
"""llama.cpp's type of a token that text never becomes, such as <|im_end|>."""

_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _cut_by(pattern: str) -> pre_tokenizers.PreTokenizer:
    cut = pre_tokenizers.Split(Regex(pattern), behavior="isolated")
    return pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def _cut_words() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False)


def _cut_digits() -> pre_tokenizers.PreTokenizer:
    digits = pre_tokenizers.Digits(individual_digits=True)
    return pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])


# By llama.cpp's name of the way: pieces before merging.
_CUTS: dict[str, Callable[[], pre_tokenizers.PreTokenizer]] = {
    "default": _cut_words,
    "gpt-2": _cut_words,
    "smollm": _cut_digits,
    "llama-bpe": lambda: _cut_by(_WORDS % "{1,3}"),
    "qwen2": lambda: _cut_by(_WORDS % ""),
}


def tokenizer_of(
    model: str, cut: str, vocabulary: Sequence[str], merges: Sequence[str], special: Sequence[int]
) -> Tokenizer:
    """A tokenizer from what a GGUF file holds.

    Args:
        model: llama.cpp's name of the algorithm; "gpt2" is byte-level BPE.
        cut: llama.cpp's name of how text is cut into pieces.
        vocabulary: token i's text, bytes written as GPT-2 does.
        merges: pairs in order, "left right".
        special: places of tokens that text never becomes.

    Raises:
        ValueError: the algorithm or the way of cutting is another.
    """
    if model != "gpt2" or cut not in _CUTS:
        raise ValueError(
            f"the file's tokens are of kind {model!r}, cut as {cut!r}; expected 'gpt2' and one of "
            f"{', '.join(_CUTS)}. A folder with tokenizer.json opens whatever its tokens are"
        )
    pairs = [(left, right) for left, _, right in (merge.partition(" ") for merge in merges)]
    places = {token: place for place, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.BPE(vocab=places, merges=pairs))
    if cut == "qwen2":
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = _CUTS[cut]()
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(
        [AddedToken(vocabulary[place], special=True, normalized=False) for place in special]
    )
    return tokenizer


def cut_of(tokenizer: Tokenizer) -> str:
    """llama.cpp's name of how a tokenizer of byte-level BPE cuts text into pieces.

    Raises:
        ValueError: its tokens are of another kind, or it cuts in a way that has no name here.
    """
    held = json.loads(tokenizer.to_str())
    if held["model"]["type"] == "BPE" and not held["model"].get("byte_fallback"):
        for name, cut in _CUTS.items():
            like = Tokenizer(models.BPE())
            like.pre_tokenizer = cut()
            normalizer = {"type": "NFC"} if name == "qwen2" else None
            if name != "default" and (held["pre_tokenizer"], held["normalizer"]) == (
                json.loads(like.to_str())["pre_tokenizer"],
                normalizer,
            ):
                return name
    raise ValueError(
        f"the model's tokens are cut in none of the ways {', '.join(_CUTS)}, which llama.cpp knows by these "
        "names; convert a merged folder with llama.cpp's own convert_hf_to_gguf.py"
    )


def open_tokens(folder: Path) -> Tokenizer:
    """The tokenizer of a folder; `encode(text, add_special_tokens=False).ids` and `decode(ids)`.

    Raises:
        ValueError: tokenizer.json is missing or cannot be read.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise ValueError(f"no tokenizer.json in {folder}")
    try:
        return Tokenizer.from_file(str(path))
    except Exception as error:  # the package raises Exception itself
        raise ValueError(f"tokenizer.json cannot be read: {error}") from None
