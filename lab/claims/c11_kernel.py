"""C11: why all layers. LoRA's tangent kernel is close to full fine-tuning's only if the layers with most
parameters are adapted.

    K(i, j) = ⟨gᵢ, gⱼ⟩,  gᵢ the gradient of example i's loss         (Malladi et al. 2022, arXiv:2210.05643)
    full    K = Σ ⟨gᵢ, gⱼ⟩                  over all matrices of the blocks, gᵢ = dLᵢ/dW (d_out, d_in)
    LoRA    K = γ² Σ ⟨gᵢ Aᵀ, gⱼ Aᵀ⟩         over the adapted ones, at B = 0, where dL/dA = 0

How alike two kernels are is the cosine of the angle between them once both are centred (centred alignment,
Cortes et al. 2012). The GPT of Shakespeare reads Python. Seeds are draws of A; the examples are the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from lab.bases.registry import BASES
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
from lora_core.config import AdapterConfig, Targets, select

if TYPE_CHECKING:
    from torch import Tensor

CLOSE = 0.9  # alignment
CERTAIN = 2  # standard errors of the mean gap

TARGETS: Mapping[str, Targets] = {
    "attention": ("attn.qkv", "attn.proj"),
    "mlp": ("mlp.up", "mlp.down"),
    "all": "blocks",
}

RECIPE: Recipe = {"task": "python", "ranks": [1, 4, 16, 64], "alpha": 32.0, "examples": 64}
REFERENCE = 16  # the rank of which the verdict speaks


def conditions(recipe: Recipe) -> list[str]:
    return [f"{name}/r{rank}" for name in TARGETS for rank in recipe["ranks"]]


def verdict(result: Result) -> Verdict:
    """Central: the MLPs' kernel is closer to full fine-tuning's than attention's, by two standard errors.
    Then: that of all layers is close, the MLPs' is too, and attention's is not."""
    attention, mlp, every = (result.mean(f"{name}/r{REFERENCE}") for name in TARGETS)
    gap, error = result.gap(f"mlp/r{REFERENCE}", f"attention/r{REFERENCE}")
    return judge(
        {
            "mlp_closer_than_attention": gap > CERTAIN * error,
            "all_close": every >= CLOSE,
            "mlp_close": mlp >= CLOSE,
            "attention_not_close": attention < CLOSE,
        },
        {"attention": attention, "mlp": mlp, "all": every, "mlp_minus_attention": gap},
        central="mlp_closer_than_attention",
    )


def measure(request: Request) -> Iterator[Update]:
    recipe = request.recipe
    gradients = example_gradients(recipe["task"], recipe["examples"])
    full = kernel(gradients)
    share = {
        name: sum(d_out * d_in for d_out, d_in in map(dict(BASES["gpt-en"].layers).__getitem__, _names(name)))
        for name in TARGETS
    }
    limit = {
        name: alignment(kernel({each: gradients[each] for each in _names(name)}), full) for name in TARGETS
    }
    traces = {
        name: kernel({each: gradients[each] for each in _names(name)}).trace().item() for name in TARGETS
    }
    size = {name: trace / traces["all"] for name, trace in traces.items()}  # of ‖g‖²
    result = Result(extra={"parameters": share, "full_of_layers": limit, "share_of_gradient": size})
    for done, name in enumerate(request.conditions, start=1):
        layer_set, rank = name.split("/r")
        values = []
        for seed in request.seeds:
            values.append(
                alignment(adapter_kernel(gradients, layer_set, int(rank), recipe["alpha"], seed), full)
            )
            if request.stop():
                return
        result.per_seed[name] = list(values)
        ranks = [r for r in recipe["ranks"] if f"{layer_set}/r{r}" in result.per_seed]
        by_seed = zip(*(result.per_seed[f"{layer_set}/r{r}"] for r in ranks), strict=True)
        result.curves[layer_set] = Curve([float(r) for r in ranks], [list(each) for each in by_seed])
        yield Update(done / len(request.conditions), result)


@cache
def example_gradients(task: str, examples: int) -> dict[str, Tensor]:
    """Layer -> dLᵢ/dW of each example (examples, d_out, d_in), of the base, in float64."""
    import torch

    from lab.bases.models import load_base
    from lab.bases.tasks import load_task, loss_of

    model = load_base("gpt-en").double()
    weights = {name: model.get_parameter(f"{name}.weight") for name in _names("all")}
    found: dict[str, list[Tensor]] = {name: [] for name in weights}
    inputs, targets = load_task(task).examples("test", examples)
    for x, y in zip(inputs, targets, strict=True):
        gradients = torch.autograd.grad(loss_of(model, (x[None], y[None])), list(weights.values()))
        for each, gradient in zip(found.values(), gradients, strict=True):
            each.append(gradient)
    return {name: torch.stack(each) for name, each in found.items()}


def kernel(gradients: Mapping[str, Tensor]) -> Tensor:
    """Σ ⟨gᵢ, gⱼ⟩ (examples, examples)."""
    flat = [each.flatten(1) for each in gradients.values()]
    return sum(g @ g.mT for g in flat[1:]) + flat[0] @ flat[0].mT


def adapter_kernel(
    gradients: Mapping[str, Tensor], layer_set: str, rank: int, alpha: float, seed: int
) -> Tensor:
    """The kernel of a LoRA on some layers as it starts: of dL/dB = γ gᵢ Aᵀ (examples, d_out, r)."""
    import torch

    from lab.bases.models import load_base
    from lora_core.adapter import adapted_layers, attach

    config = AdapterConfig(rank=rank, alpha=alpha, targets=TARGETS[layer_set])
    model = attach(load_base("gpt-en"), config, generator=torch.Generator().manual_seed(seed))
    with torch.no_grad():
        return kernel(
            {
                name: layer.scale * gradients[name] @ layer.A.double().mT
                for name, layer in adapted_layers(model).items()
            }
        )


def alignment(K: Tensor, L: Tensor) -> float:
    """⟨HKH, HLH⟩ / ‖HKH‖ ‖HLH‖, with H = I − 1/n: 1 for kernels that agree up to a factor."""

    def centred(M: Tensor) -> Tensor:
        return M - M.mean(0) - M.mean(1, keepdim=True) + M.mean()

    K, L = centred(K), centred(L)
    return float((K * L).sum() / (K.norm() * L.norm()))


def _names(layer_set: str) -> list[str]:
    return select(BASES["gpt-en"].layers, TARGETS[layer_set])


EXPERIMENT = Experiment(
    name="c11_kernel",
    recipe=RECIPE,
    quick=RECIPE,
    conditions=conditions,
    measure=measure,
    verdict=verdict,
    seeds=tuple(range(20)),
    quick_seeds=tuple(range(5)),
    settings=(Setting("task", "python", ("python", "thai")), Setting("examples", 64, (16, 64, 128))),
)
