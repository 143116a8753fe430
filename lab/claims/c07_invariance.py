"""C7: two of LoRA's four hyper-parameters are redundant under Adam.

    α -> α/(pq),  A₀ -> p A₀,  lr_A -> p lr_A,  lr_B -> q lr_B,  ε_A -> ε_A/p,  ε_B -> ε_B/q

γBA stays as it was: A is p times as large at every step and B q times. Their gradients are p and q times
smaller, which Adam divides out, ε alone excepted; hence ε_A/p and ε_B/q.

The same training in float64, four ways: plain; transformed ("exact"); transformed with one ε for both
("common_eps"); and a control that is no such transformation, lr_B doubled ("twice_lr_b"). Reported: the
largest difference from the plain run's loss over all steps, in nats.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from lab.claims.base import (
    Curve,
    Experiment,
    Recipe,
    Request,
    Result,
    Setting,
    Update,
    Verdict,
    judge,
)

EXACT = 1e-11  # nats: what rounding in float64 may come to in 60 steps
FELT = 1e-3  # nats: a change that does something

RECIPE: Recipe = {
    "base": "mlp-mnist",
    "task": "fashion",
    "rank": 8,
    "alpha": 32.0,
    "batch": 64,
    "steps": 60,
    "lr": 3e-3,
    "eps": 1e-8,
    "p": 3.0,
    "q": 0.2,
}


def conditions(recipe: Recipe) -> list[str]:
    return ["exact", "common_eps", "twice_lr_b"]


def verdict(result: Result) -> Verdict:
    """Exact within rounding, and not because nothing matters: the control moves the loss."""
    exact, common, control = (result.mean(name) for name in ("exact", "common_eps", "twice_lr_b"))
    return judge(
        {"exact": exact <= EXACT, "control_differs": control >= FELT},
        {"exact": exact, "common_eps": common, "twice_lr_b": control},
        central="exact",
    )


def measure(request: Request) -> Iterator[Update]:
    recipe, curves = request.recipe, {}
    per_seed: dict[str, list[float | None]] = {}
    names = ["plain", *request.conditions]
    for done, name in enumerate(names, start=1):
        losses = trained(recipe, name, request.device)
        steps = [float(step) for step in range(1, len(losses) + 1)]
        curves[name] = Curve(steps, [list(losses)])
        if name == "plain":
            plain = losses
        else:
            apart = [abs(a - b) for a, b in zip(losses, plain, strict=True)]
            curves[f"difference/{name}"] = Curve(steps, [list(apart)])
            per_seed[name] = [max(apart)]
        yield Update(done / len(names), Result(dict(per_seed), dict(curves)))
        if request.stop():
            return


def trained(recipe: Recipe, name: str, device: str) -> list[float]:
    """The loss of each minibatch before its update."""
    import torch

    from lab.bases.models import load_base
    from lab.bases.tasks import load_task, loss_of
    from lora_core.adapter import adapted_layers, attach
    from lora_core.config import AdapterConfig
    from lora_core.training import train

    p, q = (recipe["p"], recipe["q"]) if name in ("exact", "common_eps") else (1.0, 1.0)
    eps_a, eps_b = recipe["eps"], recipe["eps"]
    if name == "exact":
        eps_a, eps_b = eps_a / p, eps_b / q
    config = AdapterConfig(rank=recipe["rank"], alpha=recipe["alpha"] / (p * q), targets="blocks")
    model = attach(load_base(recipe["base"]), config, generator=torch.Generator().manual_seed(1))
    model.to(device, torch.float64)
    layers = adapted_layers(model).values()
    with torch.no_grad():
        for layer in layers:
            layer.A.mul_(p)
    lr_b = recipe["lr"] * q * (2 if name == "twice_lr_b" else 1)
    groups = [
        {"params": [layer.A for layer in layers], "lr": recipe["lr"] * p, "eps": eps_a},
        {"params": [layer.B for layer in layers], "lr": lr_b, "eps": eps_b},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.0)
    task, generator = load_task(recipe["task"]), torch.Generator().manual_seed(0)
    drawn = (task.batch(recipe["batch"], generator) for _ in range(recipe["steps"]))
    batches = ((inputs.to(device, torch.float64), targets.to(device)) for inputs, targets in drawn)
    losses = [step.losses[0] for step in train(model, optimizer, loss_of, batches)]
    assert all(map(math.isfinite, losses))
    return losses


_FACTORS = (0.1, 0.2, 0.5, 1.0, 3.0, 10.0)

EXPERIMENT = Experiment(
    name="c07_invariance",
    recipe=RECIPE,
    quick=RECIPE,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    seeds=(),
    quick_seeds=(),
    settings=(Setting("p", RECIPE["p"], _FACTORS), Setting("q", RECIPE["q"], _FACTORS)),
)
