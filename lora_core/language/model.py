"""A decoder of the Llama family, whole: Llama, SmolLM, Mistral, Qwen2 and Qwen3 differ in a few switches.

    x = embed[ids]
    of each block:  x += O(attention(norm(x)));  x += down(silu(gate(norm(x))) * up(norm(x)))
    logits = head(norm(x))

Touvron et al. 2023 (arXiv:2302.13971) put together RMSNorm (Zhang & Sennrich 2019), rotary positions
(Su et al. 2021, arXiv:2104.09864) and SwiGLU (Shazeer 2020); Ainslie et al. 2023 (arXiv:2305.13245) let
several query heads share a key and value head. Modules are named as transformers names them, so weights and
adapters made for those fit here.

Letters in shapes: B texts, T new tokens, S tokens so far with the new ones, C width, H query heads, K key
and value heads, G = H / K query heads a key head, D numbers a head.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lora_core.language.config import ModelConfig
from lora_core.language.fused import read, rms_norm, turned

PLAIN_LENGTH = 1024
"""Up to so many tokens softmax(QKᵀ)V is written out: on a processor faster than torch's fused attention."""


class Cache:
    """Keys and values of the tokens read so far, with room for more: (blocks, B, K, S_max, D) each."""

    def __init__(self, config: ModelConfig, texts: int, tokens: int, like: Tensor) -> None:
        shape = (config.blocks, texts, config.kv_heads, tokens, config.head_width)
        self.keys, self.values = like.new_zeros(shape), like.new_zeros(shape)
        self.length = 0  # tokens in it, the same for every text

    def extend(self, block: int, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Writes (B, K, T, D) behind what is there; returns all of the block, (B, K, S, D)."""
        end = self.length + k.shape[2]
        self.keys[block, :, :, self.length : end] = k
        self.values[block, :, :, self.length : end] = v
        return self.keys[block, :, :, :end], self.values[block, :, :, :end]

    def select(self, texts: Tensor) -> None:
        """Keeps the texts at these places alone."""
        self.keys, self.values = self.keys[:, texts], self.values[:, texts]


class RMSNorm(nn.Module):
    """x / √(mean(x²) + ε) · weight, over the last axis."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:  # (..., C) -> (..., C)
        return rms_norm(x, self.weight, self.eps)


class Attention(nn.Module):
    """Each token mixes in what earlier tokens offer: softmax(QKᵀ/√D + mask) V."""

    def __init__(self, config: ModelConfig, block: int) -> None:
        super().__init__()
        self.config, self.block = config, block
        C, H, K, D = config.width, config.heads, config.kv_heads, config.head_width
        self.q_proj = nn.Linear(C, H * D, bias=config.qkv_bias)
        self.k_proj = nn.Linear(C, K * D, bias=config.qkv_bias)
        self.v_proj = nn.Linear(C, K * D, bias=config.qkv_bias)
        self.o_proj = nn.Linear(H * D, C, bias=config.o_bias)
        if config.qk_norm:
            self.q_norm, self.k_norm = RMSNorm(D, config.norm_eps), RMSNorm(D, config.norm_eps)

    def forward(self, x: Tensor, turn: Turn, mask: Tensor, cache: Cache | None) -> Tensor:
        B, T, _ = x.shape
        D = self.config.head_width
        q, k, v = read(
            x, self.q_proj, self.k_proj, self.v_proj
        )  # (B, T, C) -> (B, T, H D), (B, T, K D) twice
        q, k = q.view(B, T, -1, D), k.view(B, T, -1, D)  # (B, T, H, D), (B, T, K, D)
        v = v.view(B, T, -1, D).transpose(1, 2)  # (B, K, T, D)
        if self.config.qk_norm:
            q, k = self.q_norm(q), self.k_norm(k)
        q, k = turn(q.transpose(1, 2)), turn(k.transpose(1, 2))  # (B, H, T, D), (B, K, T, D)
        if cache is not None:
            k, v = cache.extend(self.block, k, v)  # (B, K, S, D)
        y = attention(q, k, v, mask)  # (B, H, T, D)
        (out,) = read(y.transpose(1, 2).reshape(B, T, -1), self.o_proj)  # -> (B, T, C)
        return out


def attention(q: Tensor, k: Tensor, v: Tensor, mask: Tensor) -> Tensor:
    """(B, H, T, D), (B, K, S, D) twice and a mask to add, (1 or B, 1, T, S) -> (B, H, T, D)."""
    B, H, T, D = q.shape
    K, S = k.shape[1], k.shape[2]
    if S > PLAIN_LENGTH:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=mask, enable_gqa=True)
    q = q.reshape(B, K, H // K * T, D)  # heads of a group under each other: k and v are not copied
    scores = (q @ k.mT).mul(1 / math.sqrt(D)).view(B, K, H // K, T, S) + mask.unsqueeze(2)
    y = torch.softmax(scores, -1).view(B, K, H // K * T, S) @ v  # (B, K, G T, S) -> (B, K, G T, D)
    return y.view(B, H, T, D)


class Turn:
    """Rotary positions: each pair (i, i + D/2) of a head is turned by its token's position times a speed."""

    def __init__(self, config: ModelConfig, positions: Tensor, dtype: torch.dtype) -> None:
        D = config.head_width
        speed = config.rope_base ** (-torch.arange(0, D, 2, device=positions.device).float() / D)  # (D/2,)
        if config.rope_llama3:
            factor, low, high, original = config.rope_llama3
            turns = original * speed / (2 * math.pi)  # within the original context
            kept = ((turns - low) / (high - low)).clamp(0, 1)  # slow pairs are stretched, fast ones kept
            speed = speed * (kept + (1 - kept) / factor)
        angle = positions.unsqueeze(-1).float() * speed  # (1 or B, T) -> (1 or B, T, D/2)
        self.cos = angle.cos().to(dtype).unsqueeze(1)  # (1 or B, 1, T, D/2)
        self.sin = angle.sin().to(dtype).unsqueeze(1)

    def __call__(self, x: Tensor) -> Tensor:  # (B, heads, T, D) -> (B, heads, T, D)
        return turned(x, self.cos, self.sin)


class MLP(nn.Module):
    """down(silu(gate x) * up x)."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        C, M, bias = config.width, config.mlp_width, config.mlp_bias
        self.gate_proj, self.up_proj = nn.Linear(C, M, bias=bias), nn.Linear(C, M, bias=bias)
        self.down_proj = nn.Linear(M, C, bias=bias)

    def forward(self, x: Tensor) -> Tensor:  # (B, T, C) -> (B, T, M) -> (B, T, C)
        gate, up = read(x, self.gate_proj, self.up_proj)
        (out,) = read(F.silu(gate) * up, self.down_proj)
        return out


class Block(nn.Module):
    """Attention, then the MLP, each read from a normalised x and added to it."""

    def __init__(self, config: ModelConfig, block: int) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(config.width, config.norm_eps)
        self.self_attn = Attention(config, block)
        self.post_attention_layernorm = RMSNorm(config.width, config.norm_eps)
        self.mlp = MLP(config)

    def forward(self, x: Tensor, turn: Turn, mask: Tensor, cache: Cache | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), turn, mask, cache)
        out: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return out


class Decoder(nn.Module):
    """Tokens to what the head reads: embedding, blocks, a last norm."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        # Given its numbers: a random start on the meta device imports half of torch, seconds long.
        start = torch.zeros(config.vocabulary, config.width)
        self.embed_tokens = nn.Embedding(config.vocabulary, config.width, _weight=start)
        self.layers = nn.ModuleList(Block(config, i) for i in range(config.blocks))
        self.norm = RMSNorm(config.width, config.norm_eps)

    def forward(self, ids: Tensor, real: Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """(B, T) -> (B, T, C); `real` and `cache` as in `LanguageModel.forward`."""
        x = self.embed_tokens(ids)  # (B, T) -> (B, T, C)
        T, start = ids.shape[1], cache.length if cache is not None else 0
        columns = torch.arange(start + T, device=ids.device)  # (S,)
        rows = columns[start:, None]  # (T, 1)
        seen = columns <= rows  # (T, S)
        if self.config.window is not None:
            seen &= columns > rows - self.config.window
        seen, positions = seen[None], rows.mT  # (1, T, S), (1, T)
        if real is not None:
            seen = seen & real[:, None].bool()  # (B, T, S)
            positions = (real.long().cumsum(1) - 1).clamp(min=0)[:, start:]  # padding takes no position
        mask = torch.zeros(seen.shape, dtype=x.dtype, device=x.device)
        mask = mask.masked_fill(~seen, torch.finfo(x.dtype).min).unsqueeze(1)  # (1 or B, 1, T, S)
        turn = Turn(self.config, positions, x.dtype)
        for block in self.layers:
            x = block(x, turn, mask, cache)
        if cache is not None:
            cache.length += T
        out: Tensor = self.norm(x)
        return out


class Head(nn.Module):
    """Logits of the next token. No nn.Linear: as in PEFT, "all-linear" leaves a language model's head out."""

    weight: Tensor

    def __init__(self, weight: nn.Parameter) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:  # (..., C) -> (..., vocabulary)
        return F.linear(x, self.weight)


class LanguageModel(nn.Module):
    """The decoder and its head."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Decoder(config)
        self.lm_head = Head(nn.Parameter(torch.empty_like(self.model.embed_tokens.weight)))
        self.tie()

    def tie(self) -> None:
        """Makes the head's weight the embedding's where the model has them so; after weights are assigned."""
        if self.config.tied:
            self.lm_head.weight = self.model.embed_tokens.weight

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """Logits of the token after each.

        Args:
            input_ids: (B, T), the tokens that are new.
            attention_mask: (B, S), 1 where a token is real and 0 where it is padding, of the tokens in the
                cache too; None is all real.
            cache: what was read before; the new keys and values are added to it.

        Returns:
            (B, T, vocabulary).
        """
        out: Tensor = self.lm_head(self.model(input_ids, attention_mask, cache))
        return out
