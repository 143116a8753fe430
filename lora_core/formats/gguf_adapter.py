"""An adapter as llama.cpp and Ollama read it: one GGUF file. No torch here.

    general.type = adapter, adapter.type = lora, adapter.lora.alpha = r, so that their γ = α / r is 1
    blk.N.attn_q.weight.lora_a (r, d_in),  blk.N.attn_q.weight.lora_b (d_out, r), of ΔW = B A

The rows of B stand as those of W do in the model's file (`gguf_names`): (P B) A = P (B A), whatever A is.

    llama-cli -m model.gguf --lora adapter.gguf
"""

from __future__ import annotations

import os

from lora_core.formats.folded import Factors, rank_of
from lora_core.formats.gguf_names import architecture, heads_in_pairs, in_pairs, name_of, package
from lora_core.formats.gguf_writing import gguf_writer
from lora_core.language.config import ModelConfig


def write(path: str | os.PathLike[str], factors: Factors, config: ModelConfig, *, name: str = "") -> None:
    """Writes the file whole, then puts it in place.

    Args:
        path: of the file; its folder is made.
        factors: in float32, as they are written.
        config: of the model that the adapter was made for.
        name: what the file calls itself.

    Raises:
        ValueError: a layer has no name in llama.cpp, ranks differ, or `gguf` is not installed.
    """
    gguf = package()
    kind = architecture(config)
    names = {module: name_of(module) for module in factors}
    with gguf_writer(path, kind) as out:
        out.add_type(gguf.GGUFType.ADAPTER)
        if name:
            out.add_name(name)
        out.add_string(gguf.Keys.Adapter.TYPE, "lora")
        out.add_float32(gguf.Keys.Adapter.LORA_ALPHA, float(rank_of(factors)))
        for module, (A, B) in factors.items():
            if heads := heads_in_pairs(names[module], config, kind):
                B = in_pairs(B, heads)
            out.add_tensor(f"{names[module]}.weight.lora_a", A)
            out.add_tensor(f"{names[module]}.weight.lora_b", B)
        out.write_header_to_file()
        out.write_kv_data_to_file()
        out.write_tensors_to_file()
