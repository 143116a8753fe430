"""Serving: each request gets what its adapter alone would give, however the batch is computed."""

import copy
import threading
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from lab.bases.models import GPT, MLP
from lora_core import AdapterConfig, attach, detach, load_adapter, save_adapter
from lora_core.mixing import Bank, Group, Kernel
from lora_core.serving import Server, factors_of, read_factors

RANKS = {"a": 1, "b": 2, "c": 3, "d": 8, "e": 8, "f": 10}
MIXED = ["a", None, "f", "d", "a", "e", None, "b", "c", "d"]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def base(kind: str) -> GPT | MLP:
    model = MLP(generator=seeded(1)) if kind == "mlp" else GPT(generator=seeded(1))
    return model.double().requires_grad_(False)


def requests(kind: str, count: int) -> Tensor:
    if kind == "mlp":
        return torch.randn(count, 196, generator=seeded(2), dtype=torch.float64)
    return torch.randint(192, (count, 12), generator=seeded(2))


def adapted(model: nn.Module, name: str, **changes: object) -> nn.Module:
    """The model with an adapter of this name whose B is not zero any more."""
    config = AdapterConfig(**{"rank": RANKS[name], "alpha": 16, **changes})  # type: ignore[arg-type]
    attach(model, config, generator=seeded(ord(name)))
    for key, parameter in model.named_parameters():
        if key.endswith(".B"):
            parameter.data.normal_(std=0.05, generator=seeded(ord(name)))
    return model


@pytest.fixture(params=["mlp", "gpt"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def alone(kind: str, name: str | None, inputs: Tensor, **changes: object) -> Tensor:
    model = base(kind)
    with torch.no_grad():
        out: Tensor = (model if name is None else adapted(model, name, **changes))(inputs)
    return out


def filled(kind: str, names: Iterator[str] | str | dict[str, int] = RANKS) -> Server:
    server = Server(base(kind))
    for name in names:
        server.add(name, factors_of(adapted(base(kind), name)))
    return server


def test_each_request_gets_its_adapter(kind: str) -> None:
    inputs = requests(kind, len(MIXED))
    outputs = filled(kind)(inputs, MIXED)
    for row, name in enumerate(MIXED):
        expected = alone(kind, name, inputs[row : row + 1])
        torch.testing.assert_close(outputs[row : row + 1], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kernel", ["gathered", "looped"])
def test_every_way_gives_the_same(kind: str, kernel: Kernel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Group, "kernel", lambda *_: kernel)
    inputs = requests(kind, len(MIXED))
    in_order = [MIXED[row] for row in filled(kind).order(MIXED)]
    assert in_order != MIXED
    for names in (MIXED, in_order, ["d"] * len(MIXED), [None] * len(MIXED)):
        outputs = filled(kind)(inputs, names)
        expected = torch.cat([alone(kind, name, inputs[row : row + 1]) for row, name in enumerate(names)])
        torch.testing.assert_close(outputs, expected, rtol=1e-10, atol=1e-10)


def test_the_way_follows_what_is_asked() -> None:
    def kernel(slots: list[int], t: int = 1, rank: int = 8, width: int = 512) -> Kernel:
        bank = Bank(rank, {"layer": nn.Linear(1, 1)})
        bank.put({"layer": (torch.ones(1, 1), torch.ones(1, 1))})
        return Group(bank, list(range(len(slots))), slots, len(slots)).kernel(t, width, 4)

    assert kernel(list(range(64))) == "gathered"
    assert kernel([row % 8 for row in range(256)]) == "looped"
    assert kernel([3] * 64, rank=64, width=8192) == "looped"
    assert kernel([0] * 64, t=512) == "looped"


def test_without_adapters_or_names_it_is_the_base(kind: str) -> None:
    server, inputs = filled(kind), requests(kind, 3)
    plain = base(kind)(inputs)
    assert torch.equal(server(inputs, [None] * 3), plain)
    assert torch.equal(server.model(inputs), plain)
    assert torch.equal(Server(base(kind))(inputs, [None] * 3), plain)
    server(inputs, ["a"] * 3)
    assert torch.equal(server.model(inputs), plain)
    server.close()
    assert not any(module._forward_hooks for module in server.model.modules())


def test_adapters_come_change_and_go_while_serving(kind: str) -> None:
    server, inputs = filled(kind, "ab"), requests(kind, 4)
    first = server(inputs, ["a", "b", "a", None])
    server.add("b", factors_of(adapted(base(kind), "f")))  # another rank in b's place
    second = server(inputs, ["a", "b", "a", None])
    assert torch.equal(first[[0, 2, 3]], second[[0, 2, 3]])
    torch.testing.assert_close(second[1:2], alone(kind, "f", inputs[1:2]), rtol=1e-10, atol=1e-10)
    server.drop("a")
    assert server.adapters == ("b",)
    with pytest.raises(ValueError, match="no adapter 'a'; adapters are: b"):
        server(inputs, ["a"] * 4)
    # A slot that is used again holds nothing of the one before: this one adapts the head alone.
    server.add("g", factors_of(adapted(base(kind), "a", targets=("head",))))
    found = server(inputs, ["g"] * 4)
    torch.testing.assert_close(found, alone(kind, "a", inputs, targets=("head",)), rtol=1e-10, atol=1e-10)


def test_memory_of_dropped_adapters_is_used_again() -> None:
    server = Server(base("mlp"))
    for round_ in range(40):
        server.add(f"{round_}", factors_of(adapted(base("mlp"), "d")))
        if round_:
            server.drop(f"{round_ - 1}")
    assert server._banks[8].size == 8


def test_a_bank_grows_and_keeps_what_it_has() -> None:
    server, inputs = Server(base("mlp")), requests("mlp", 20)
    factors = {name: factors_of(adapted(base("mlp"), name)) for name in "de"}
    for index in range(20):
        server.add(f"{index}", factors["de"[index % 2]])
    outputs = server(inputs, [f"{index}" for index in range(20)])
    for row, name in enumerate("de" * 10):
        expected = alone("mlp", name, inputs[row : row + 1])
        torch.testing.assert_close(outputs[row : row + 1], expected, rtol=1e-10, atol=1e-10)


def test_what_another_thread_adds_waits_for_the_batch_under_way() -> None:
    server, inputs = filled("mlp", "ab"), requests("mlp", 2)
    expected = server(inputs, ["a", "b"])
    factors = [factors_of(adapted(base("mlp"), name)) for name in "def"]

    def add() -> None:
        for index, adapter in product(range(20), factors):
            server.add(f"{index}", adapter)

    thread = threading.Thread(target=add)
    thread.start()
    same = []
    while thread.is_alive() or not same:
        same.append(torch.equal(server(inputs, ["a", "b"]), expected))
    thread.join()
    assert all(same)
    assert len(server.adapters) == 22


def test_saved_adapters_are_served_without_being_attached(kind: str, tmp_path: Path) -> None:
    model = adapted(base(kind), "d", method="rslora")
    save_adapter(model, tmp_path)
    server, inputs = Server(base(kind)), requests(kind, 3)
    server.add("saved", read_factors(tmp_path))
    expected = load_adapter(base(kind), tmp_path)(inputs)
    torch.testing.assert_close(server(inputs, ["saved"] * 3), expected.detach(), rtol=1e-10, atol=1e-10)


def test_pissa_is_served_and_dora_refused(tmp_path: Path) -> None:
    model, inputs = base("mlp"), requests("mlp", 3)
    attach(model, AdapterConfig(method="pissa", rank=4), generator=seeded(3))
    for key, parameter in model.named_parameters():
        if key.endswith(".B"):
            parameter.data.mul_(1.1)
    server = Server(base("mlp"))
    server.add("pissa", factors_of(model))
    torch.testing.assert_close(server(inputs, ["pissa"] * 3), model(inputs).detach(), rtol=1e-8, atol=1e-8)
    detach(model)
    attach(model, AdapterConfig(method="dora", rank=4), generator=seeded(3))
    with pytest.raises(ValueError, match="merge it instead"):
        factors_of(model)
    save_adapter(model, tmp_path)
    with pytest.raises(ValueError, match="merge it instead"):
        read_factors(tmp_path)


def test_refusals_name_what_is_wrong() -> None:
    server, inputs = filled("mlp", "a"), requests("mlp", 2)
    good = factors_of(adapted(base("mlp"), "a"))
    with pytest.raises(ValueError, match="1 names for 2 requests"):
        server(inputs, ["a"])
    with pytest.raises(ValueError, match="no adapter 'z'"):
        server.drop("z")
    with pytest.raises(ValueError, match="no factors"):
        server.add("b", {})
    with pytest.raises(ValueError, match="linear modules are: blocks"):
        server.add("b", {"x": good["head"]})
    with pytest.raises(ValueError, match=r"head: A is \(1, 196\)"):
        server.add("b", {"head": good["blocks.0"]})
    bad = copy.deepcopy(good)
    bad["head"][0][0, 0] = torch.nan
    with pytest.raises(ValueError, match="not finite"):
        server.add("b", bad)
    assert server.adapters == ("a",)
    with pytest.raises(ValueError, match="attached already"):
        Server(adapted(base("mlp"), "a"))
    with pytest.raises(ValueError, match="no adapter is attached"):
        factors_of(base("mlp"))


class Transposing(nn.Module):
    """A layer that sees the batch along another dimension than the first."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:  # (B, 3, 4) -> (B, 3, 4)
        out: Tensor = self.layer(x.transpose(0, 1)).transpose(0, 1)
        return out


def test_a_layer_that_loses_sight_of_the_batch_is_refused_and_the_server_goes_on() -> None:
    server = Server(Transposing())
    server.add("a", {"layer": (torch.ones(1, 4), torch.ones(4, 1))})
    with pytest.raises(ValueError, match="layer got 3 rows for 2 requests"):
        server(torch.randn(2, 3, 4), ["a", None])
    server(torch.randn(2, 3, 4), [None, None])


def test_strengths_are_one_for_each_request() -> None:
    server = Server(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="2 strengths for 1 requests"), server.routed([None], [1.0, 2.0]):
        pass
