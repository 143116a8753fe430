"""Trains the tenants of `lab.bases.tenants`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lab.bases.models import encode, load_base
from lab.bases.tasks import CONTEXT, Batch, evaluate, loss_of, read_text, windows
from lab.bases.tenants import BASE, Tenant
from lora_core.adapter import attach, optimizer_for
from lora_core.config import AdapterConfig
from lora_core.saving import save_adapter
from lora_core.training import train as training


def texts(tenant: Tenant) -> tuple[Tensor, Tensor]:
    """What a tenant trains on, and the last twentieth, as indices (n,): the base's own cut."""
    text = read_text(tenant.text)
    found = encode(text.upper() if tenant.capitals else text)
    cut = len(found) * 95 // 100
    return found[:cut], found[cut:]


def held_out(tenant: Tenant) -> Batch:
    """128 windows spread evenly over what was not trained on: (128, T) each."""
    _, rest = texts(tenant)
    return windows(rest, torch.linspace(0, len(rest) - CONTEXT - 1, 128).long())


def train(tenant: Tenant, schedule: Callable[[int, int], float]) -> dict[str, float]:
    """Trains one tenant, saves it, and says its loss on held-out text before and after, in nats."""
    generator = torch.Generator().manual_seed(tenant.seed)
    model = load_base(BASE)
    examples, (text, _) = held_out(tenant), texts(tenant)
    before, _ = evaluate(model, examples)
    config = AdapterConfig(rank=tenant.rank, alpha=tenant.alpha)
    attach(model, config, generator=generator)
    optimizer = optimizer_for(model, config, lr=tenant.lr, steps=tenant.steps, fused=True)
    batches = (
        windows(text, torch.randint(len(text) - CONTEXT, (tenant.batch,), generator=generator))
        for _ in range(tenant.steps)
    )
    for _ in training(model, optimizer, loss_of, batches, schedule=lambda step: schedule(step, tenant.steps)):
        pass
    after, _ = evaluate(model, examples)
    save_adapter(model, tenant.folder)
    return {"base_loss": round(before, 6), "validation_loss": round(after, 6)}
