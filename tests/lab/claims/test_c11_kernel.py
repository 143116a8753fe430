"""C11: kernels against autograd through a real adapter, alignments by hand, and the rule."""

import pytest
import torch

from lab.bases.models import load_base
from lab.bases.tasks import load_task, loss_of
from lab.claims import Result
from lab.claims.c11_kernel import TARGETS, adapter_kernel, alignment, example_gradients, kernel
from lora_core.adapter import adapted_layers, attach
from lora_core.config import AdapterConfig
from tests.lab.claims.common import judged, seeds


@pytest.mark.parametrize("layer_set", TARGETS)
def test_the_kernel_is_that_of_the_adapters_own_gradients(layer_set: str) -> None:
    config = AdapterConfig(rank=2, alpha=6, targets=TARGETS[layer_set])
    model = attach(load_base("gpt-en"), config, generator=torch.Generator().manual_seed(7)).double()
    layers = adapted_layers(model).values()
    rows = []
    for x, y in zip(*load_task("python").examples("test", 4), strict=True):
        gradients = torch.autograd.grad(
            loss_of(model, (x[None], y[None])), [factor for layer in layers for factor in (layer.A, layer.B)]
        )
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
        assert not torch.cat([gradient.flatten() for gradient in gradients[::2]]).any()  # of A, as B = 0
    expected = torch.stack(rows) @ torch.stack(rows).mT
    found = adapter_kernel(example_gradients("python", 4), layer_set, 2, 6, 7)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_the_kernel_of_whole_matrices_is_a_sum_over_layers(generator: torch.Generator) -> None:
    first, second = (torch.randn(3, 2, 5, generator=generator) for _ in range(2))
    found = kernel({"first": first, "second": second})
    assert found[0, 1] == pytest.approx(((first[0] * first[1]).sum() + (second[0] * second[1]).sum()).item())


def test_alignment(generator: torch.Generator) -> None:
    x = torch.randn(6, 4, generator=generator, dtype=torch.float64)
    K = x @ x.mT
    assert alignment(K, 3 * K) == pytest.approx(1)
    assert alignment(K, K + 5) == pytest.approx(1)  # a constant is no difference between examples
    one = torch.tensor([[1.0, -1, 0, 0]]).double()
    other = torch.tensor([[0.0, 0, 1, -1]]).double()
    assert alignment(one.mT @ one, other.mT @ other) == pytest.approx(0)


def aligned(attention: float, mlp: float, every: float) -> Result:
    return Result(
        {
            "attention/r16": seeds(attention),
            "mlp/r16": seeds(mlp),
            "all/r16": seeds(every),
            "all/r64": seeds(1),
        }
    )


def test_the_rule() -> None:
    assert judged("c11_kernel", aligned(0.7, 0.95, 0.97)) == ("reproduces", set())
    assert judged("c11_kernel", aligned(0.7, 0.85, 0.97)) == ("partly", {"mlp_close"})
    assert judged("c11_kernel", aligned(0.92, 0.95, 0.8)) == ("partly", {"all_close", "attention_not_close"})
    outcome, failed = judged("c11_kernel", aligned(0.95, 0.92, 0.97))
    assert outcome == "does_not"
    assert failed == {"mlp_closer_than_attention", "attention_not_close"}
