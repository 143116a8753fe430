"""K configurations of one toy, trained as one: the same numbers as K runs on their own, in far less time.

A configuration is a `Member`: an adapter or full fine-tuning, a learning rate and the seed of A's start. The
plain path (`attach`, `optimizer_for`, autograd) stays the reference: members start from it, and the tests
compare every loss with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from lora_core.adapter import attach, detach, linear_layers, optimizer_for
from lora_core.config import AdapterConfig, Targets, select
from lora_core.linear import LoRALinear
from lora_core.models import GPT, MLP
from lora_core.sweep.layers import Adapted, Frozen, Layer, Whole, Workspace
from lora_core.sweep.networks import BatchedGPT, BatchedMLP
from lora_core.sweep.parameters import Parameters

# Those that are W + γBA with B = 0 at the start, trained by AdamW with a rate for A and a rate for B.
METHODS = ("lora", "rslora", "lora+")


@dataclass(frozen=True)
class Member:
    """One configuration of a batch.

    Args:
        adapter: None is full fine-tuning of the matrices that `targets` selects.
        seed: of the generator that draws A.
    """

    adapter: AdapterConfig | None
    lr: float
    seed: int
    targets: Targets = "blocks"

    def __post_init__(self) -> None:
        if self.adapter is None:
            return
        if self.adapter.method not in METHODS:
            raise ValueError(
                f"method is {self.adapter.method!r}, expected one of: {', '.join(METHODS)}, or none"
            )
        if self.adapter.dropout:
            raise ValueError(f"dropout is {self.adapter.dropout}, expected 0: a batch has none")
        object.__setattr__(self, "targets", self.adapter.targets)


@dataclass(frozen=True)
class _Start:
    """How an adapted layer starts: A (r, d_in), B (d_out, r), γ, and the rates of A and B."""

    A: Tensor
    B: Tensor
    scale: float
    rates: tuple[float, float]


class Batch:
    """K members, trained together. All have adapters, or none has.

    Args:
        model: the base, left as it is; in the type in which A is drawn.
        rows: shape of one member's inputs: (n, pixels) of pictures or (texts, T) of characters.
        shared: whether every member gets the same inputs.
        workspace: buffers, to be shared with other batches that take turns with this one. Its type and
            device are those of the computation.

    Raises:
        ValueError: members mix adapters with full fine-tuning or train different matrices, or `attach`
            refuses one of them.
    """

    def __init__(
        self,
        model: GPT | MLP,
        members: Sequence[Member],
        rows: tuple[int, int],
        workspace: Workspace,
        *,
        shared: bool,
    ) -> None:
        if len({(member.adapter is None, member.targets) for member in members}) != 1:
            raise ValueError("members must train the same matrices, all of them by adapters or none")
        linear = linear_layers(model)
        for target in members[0].targets if isinstance(members[0].targets, tuple) else ():
            select(linear, (target,))  # an embedding, which full fine-tuning elsewhere may train, is none
        self.members, self.trained = tuple(members), select(linear, members[0].targets)
        self._workspace, self._shared = workspace, shared
        self._weights = {
            name: layer.weight.detach().to(workspace.device, workspace.dtype)
            for name, layer in linear.items()
        }
        starts = [_starts(model, member) for member in members] if members[0].adapter else None
        self.parameters = self._whole() if starts is None else self._adapted(starts)
        self._tensors = iter(self.parameters.tensors)
        self._scales: dict[str, Tensor] = {}
        if starts is not None:
            self._scales = {name: self._each([each[name].scale for each in starts]) for name in self.trained}
        self.layers: dict[str, Whole | Adapted] = {}  # those that train
        k, n = (1 if shared else len(members)), (rows[0] * rows[1] if isinstance(model, GPT) else rows[0])
        self.network: BatchedMLP | BatchedGPT
        if isinstance(model, GPT):
            self.network = BatchedGPT(model, self._make, workspace, k, *rows)
        else:
            self.network = BatchedMLP(len(model.blocks), self._make, k, n)
        classes = self._weights["head"].shape[0]
        self._log = workspace("loss.log", len(members), n, classes)
        self._d_logits = workspace("loss.d", len(members), n, classes)
        self._minus = self._log.new_full((len(members), n, 1), -1.0)

    @torch.no_grad()
    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (K, n, classes), in a buffer that the next pass overwrites; n counts characters of texts.

        inputs: of shape `rows` if shared, else (K, *rows).
        """
        return self.network.forward(inputs[None] if self._shared else inputs)

    @torch.no_grad()
    def backward(self, d_logits: Tensor) -> None:
        """The gradients of what trains from that of the logits (K, n, classes), which is overwritten."""
        self.network.backward(d_logits)

    @torch.no_grad()
    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One update of every member on cross-entropy.

        Returns:
            The members' losses (K,) before the update, in nats.
        """
        logits = self.forward(inputs)
        K, n, _ = logits.shape
        chosen = targets.reshape(-1, n, 1).expand(K, n, 1)
        torch.log_softmax(logits, -1, out=self._log)
        losses = self._log.gather(2, chosen).view(K, n).mean(1).neg_()
        torch.exp(self._log, out=self._d_logits)
        self._d_logits.scatter_add_(2, chosen, self._minus).mul_(1 / n)  # (softmax − one-hot) / n
        self.backward(self._d_logits)
        self.parameters.update()
        return losses

    def weights(self, k: int) -> dict[str, Tensor]:
        """Name -> W + ΔW (d_out, d_in) of member k, of the layers that train."""
        return {name: self.layers[name].weight(k) for name in self.trained}

    def all_weights(self) -> dict[str, Tensor]:
        """Every linear layer's name -> W + ΔW of each member (K, d_out, d_in), or W (d_out, d_in) of all."""
        each = [self.weights(k) for k in range(len(self.members))]
        return self._weights | {name: torch.stack([own[name] for own in each]) for name in self.trained}

    def deltas(self, k: int) -> dict[str, Tensor]:
        """Name -> ΔW (d_out, d_in) of member k."""
        return {name: weight - self._weights[name] for name, weight in self.weights(k).items()}

    def factors(self, k: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Name -> A (r, d_in) and B (d_out, r) of member k.

        Raises:
            ValueError: the members have no adapters.
        """
        adapter = self.members[k].adapter
        if adapter is None:
            raise ValueError("full fine-tuning has no factors")
        r = adapter.rank
        pairs = zip(self.parameters.tensors[::2], self.parameters.tensors[1::2], strict=True)
        return {
            name: (A.value[k, :r], Bt.value[k, :r].mT)
            for name, (A, Bt) in zip(self.trained, pairs, strict=True)
        }

    def _make(self, name: str, role: str, k: int, n: int) -> Layer:
        W, workspace, first = self._weights[name], self._workspace, name == self.trained[0]
        if name not in self.trained:
            return Frozen(W, workspace, name, role, k, n, len(self.members))
        layer: Whole | Adapted
        if not self._scales:
            layer = Whole(next(self._tensors), workspace, name, role, n, first=first)
        else:
            A, Bt = next(self._tensors), next(self._tensors)
            layer = Adapted(W, A, Bt, self._scales[name], workspace, name, role, k, n, first=first)
        self.layers[name] = layer
        return layer

    def _whole(self) -> Parameters:
        rates = self._each([member.lr for member in self.members])
        starts = [self._weights[name].repeat(len(self.members), 1, 1) for name in self.trained]
        return Parameters(starts, [rates] * len(starts))

    def _adapted(self, starts: Sequence[Mapping[str, _Start]]) -> Parameters:
        """A and Bᵀ of each layer in turn, zeros below each member's own rank."""
        rank = max(len(start[name].A) for start in starts for name in self.trained)
        tensors, rates = [], []
        for name in self.trained:
            d_out, d_in = self._weights[name].shape
            for part, width in ((0, d_in), (1, d_out)):
                padded = torch.zeros(len(starts), rank, width, dtype=self._workspace.dtype)
                for k, start in enumerate(starts):
                    factor = (start[name].A, start[name].B.mT)[part]
                    padded[k, : len(factor)] = factor
                tensors.append(padded.to(self._workspace.device))
                rates.append(self._each([start[name].rates[part] for start in starts]))
        return Parameters(tensors, rates)

    def _each(self, numbers: Sequence[float]) -> Tensor:
        """A number of each member, (K, 1, 1)."""
        workspace = self._workspace
        return torch.tensor(numbers, dtype=workspace.dtype, device=workspace.device).view(-1, 1, 1)


def _starts(model: GPT | MLP, member: Member) -> dict[str, _Start]:
    """How the plain path would start: its draw of A, its γ, its rates."""
    assert member.adapter is not None
    attach(model, member.adapter, generator=torch.Generator().manual_seed(member.seed))
    optimizer = optimizer_for(model, member.adapter, lr=member.lr)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    starts = {
        name: _Start(
            layer.A.detach(), layer.B.detach(), layer.scale, (rates[id(layer.A)], rates[id(layer.B)])
        )
        for name, layer in model.named_modules()
        if isinstance(layer, LoRALinear)
    }
    detach(model)
    return starts
