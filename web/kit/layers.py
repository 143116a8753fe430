"""The layers of the small language model and the adapters trained on it, read from files by numpy alone."""

import json
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from lab.bases.registry import BASES
from lab.data import CHECKPOINTS
from lora_core.formats.peft import SavedAdapter, read
from lora_core.matrix.low_rank import svd_of_product
from web.kit.i18n import t
from widgets.factor_view.layer import Adapter, LayerData
from widgets.factor_view.view import MAX_RANK, RANKS, SOURCE

BASE = "gpt-en"
LAYERS = tuple(name for name in BASES[BASE].layers if name.startswith("blocks."))
LAYER = "blocks.1.attn.proj"
"""The layer shown when none is named: square, and small enough to see each entry."""
FOLDERS = {"alpha/r": "alpha_over_r", "alpha/sqrt(r)": "alpha_over_sqrt_r", "constant": "constant"}


def titles() -> dict[str, str]:
    """The layers as a reader calls them."""
    shapes = BASES[BASE].layers
    return {name: t(f"matrices.layer.{name}", rows=shapes[name][0], cols=shapes[name][1]) for name in LAYERS}


@cache
def layer_data(name: str, mode: str = "compress", rule: str = SOURCE) -> LayerData:
    """A layer and its adapters.

    Args:
        name: one of LAYERS.
        mode: "compress": the adapter of the highest rank, as factors that can be cut.
            "retrain": one for each rank.
        rule: the rule for γ under which the adapters of "retrain" were trained.
    """
    W = _base()[f"{name}.weight"]  # (d_out, d_in)
    trained = (
        (_cuttable(name),) if mode == "compress" else tuple(_trained(name, rule, rank) for rank in RANKS)
    )
    return LayerData(name, mode, SOURCE if mode == "compress" else rule, W, trained)


def _cuttable(name: str) -> Adapter:
    """The adapter of the highest rank as B = U√S, A = √S Vᵀ: cut to r columns and rows, the best rank r."""
    whole = _trained(name, SOURCE, MAX_RANK)
    U, singular, Vt = svd_of_product(whole.B.astype(np.float64), whole.A.astype(np.float64))
    root = np.sqrt(singular)
    B, A = (U * root).astype(np.float32), (root[:, None] * Vt).astype(np.float32)
    return Adapter(B, A, singular, whole.alpha, whole.gamma, whole.loss)


def _trained(name: str, rule: str, rank: int) -> Adapter:
    saved = _saved(rule, rank)
    B, A = saved.layers[name]["lora_B.weight"], saved.layers[name]["lora_A.weight"]
    config = saved.config_of(name)
    # PEFT knows no constant γ: such an adapter is saved with α = γ r, and its own α is γ.
    alpha = config.gamma if rule == "constant" else config.alpha
    singular = svd_of_product(B.astype(np.float64), A.astype(np.float64)).S
    return Adapter(B, A, singular, alpha, config.gamma, _record(rule, rank)["validation_loss"])


@cache
def _base() -> dict[str, NDArray[np.float32]]:
    return dict(load_file(CHECKPOINTS / f"{BASE}.safetensors"))


def adapter_folder(rule: str, rank: int) -> Path:
    """Where the adapter trained at a rank under a rule for γ lies, as PEFT saves it."""
    return CHECKPOINTS / "retrain" / f"{FOLDERS[rule]}-r{rank}"


@cache
def _saved(rule: str, rank: int) -> SavedAdapter:
    return read(adapter_folder(rule, rank))


@cache
def _record(rule: str, rank: int) -> dict[str, float]:
    return dict(json.loads((adapter_folder(rule, rank) / "record.json").read_text("utf-8")))
