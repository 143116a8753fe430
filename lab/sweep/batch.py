"""K configurations of one toy, trained as one: the same numbers as K runs on their own, in far less time.

A configuration is a `Member`: an adapter or full fine-tuning, a learning rate and the seed of A's start. The
plain path (`attach`, `optimizer_for`, autograd) stays the reference: members start from it, and the tests
compare every loss with it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lab.bases.models import GPT, MLP
from lab.sweep.layers import Adapted, Decomposed, Frozen, Layer, Whole, Workspace
from lab.sweep.networks import BatchedGPT, BatchedMLP
from lab.sweep.parameters import Parameters
from lab.sweep.plan import Kind
from lora_core.adapter import adapted_layers, attach, linear_layers, optimizer_for
from lora_core.config import AdapterConfig, Targets, select
from lora_core.linear import LoRALinear


@dataclass(frozen=True)
class Member:
    """One configuration of a batch.

    Args:
        adapter: None is full fine-tuning of the matrices that `targets` selects.
        seed: of the generator that draws A.
        gradients: what `attach` takes, for the methods that ask for it.

    Raises:
        ValueError: the adapter cannot be in a batch; says why.
    """

    adapter: AdapterConfig | None
    lr: float
    seed: int
    targets: Targets = "blocks"
    gradients: Mapping[str, Tensor] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        self.form  # noqa: B018  refuses
        if self.adapter is not None:
            object.__setattr__(self, "targets", self.adapter.targets)

    @property
    def form(self) -> str:
        """See `plan.FORMS`."""
        return Kind.of(self.adapter, self.seed).form


@dataclass(frozen=True)
class _Start:
    """How an adapted layer starts.

    W: the frozen matrix (d_out, d_in) in the layer. offset: A₀ and B₀, whose γ B₀A₀ is taken off it.
    trained: A (r, d_in), Bᵀ (r, d_out), and DoRA's m (d_out, 1). rates: of each of them. scale: γ.
    """

    W: Tensor
    offset: tuple[Tensor, Tensor] | None
    trained: tuple[Tensor, ...]
    rates: tuple[float, ...]
    scale: float


class Batch:
    """K members, trained together, all of one form.

    Args:
        model: the base, left as it is; in the type in which A is drawn.
        rows: shape of one member's inputs: (n, pixels) of pictures or (texts, T) of characters.
        shared: whether every member gets the same inputs.
        workspace: buffers, to be shared with other batches that take turns with this one. Its type and
            device are those of the computation.

    Raises:
        ValueError: members are of different forms or train different matrices, or `attach` refuses one of
            them.
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
        if len({(member.form, member.targets) for member in members}) != 1:
            raise ValueError("members must train the same matrices, in the same form")
        linear = linear_layers(model)
        for target in members[0].targets if isinstance(members[0].targets, tuple) else ():
            select(linear, (target,))  # an embedding, which full fine-tuning elsewhere may train, is none
        self.members, self.trained = tuple(members), select(linear, members[0].targets)
        self._workspace, self._shared = workspace, shared
        self._weights = {name: self._moved(layer.weight) for name, layer in linear.items()}
        starts = [_starts(model, member) for member in members] if members[0].adapter else []
        if starts:  # what an adapter holds frozen: the base's, or what four bits leave of it
            self._weights |= {name: self._moved(starts[0][name].W) for name in self.trained}
        self.parameters = self._adapted(starts) if starts else self._whole()
        self._tensors = iter(self.parameters.tensors)
        self._starts = starts
        self.layers: dict[str, Whole | Adapted | Decomposed] = {}  # those that train
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
        """Name -> A (r, d_in) and B (d_out, r) of member k. Their γ B A is ΔW in LoRA, rsLoRA and LoRA+.

        Raises:
            ValueError: the members have no adapters.
        """
        found = {}
        for name, layer in self.layers.items():
            adapter = self.members[k].adapter
            if isinstance(layer, Whole) or adapter is None:
                raise ValueError("full fine-tuning has no factors")
            r = adapter.rank
            found[name] = layer.A.value[k, :r], layer.Bt.value[k, :r].mT
        return found

    def _make(self, name: str, role: str, k: int, n: int) -> Layer:
        W, workspace, first = self._weights[name], self._workspace, name == self.trained[0]
        if name not in self.trained:
            return Frozen(W, workspace, name, role, k, n, len(self.members))
        layer: Whole | Adapted | Decomposed
        form, tensors = self.members[0].form, self._tensors
        if form == "whole":
            layer = Whole(next(tensors), workspace, name, role, n, first=first)
        else:
            starts = [each[name] for each in self._starts]
            scale, A, Bt = self._each([start.scale for start in starts]), next(tensors), next(tensors)
            if form == "decomposed":
                layer = Decomposed(W, A, Bt, next(tensors), scale, workspace, name, role, n, first=first)
            else:
                own = torch.stack([self._residual(W, start) for start in starts]) if form == "offset" else W
                layer = Adapted(own, A, Bt, scale, workspace, name, role, k, n, first=first)
        self.layers[name] = layer
        return layer

    def _whole(self) -> Parameters:
        rates = self._each([member.lr for member in self.members])
        starts = [self._weights[name].repeat(len(self.members), 1, 1) for name in self.trained]
        return Parameters(starts, [rates] * len(starts))

    def _adapted(self, starts: Sequence[Mapping[str, _Start]]) -> Parameters:
        """What trains of each layer in turn, zeros below each member's own rank."""
        tensors, rates = [], []
        for name in self.trained:
            for parts in zip(*(start[name].trained for start in starts), strict=True):
                tensors.append(self._moved(_padded(parts)))
            for each in zip(*(start[name].rates for start in starts), strict=True):
                rates.append(self._each(each))
        return Parameters(tensors, rates)

    def _residual(self, W: Tensor, start: _Start) -> Tensor:
        """W − γ B₀A₀ (d_out, d_in)."""
        assert start.offset is not None
        A, B = map(self._moved, start.offset)
        return W - start.scale * (B @ A)

    def _moved(self, tensor: Tensor) -> Tensor:
        return tensor.detach().to(self._workspace.device, self._workspace.dtype)

    def _each(self, numbers: Sequence[float]) -> Tensor:
        """A number of each member, (K, 1, 1)."""
        workspace = self._workspace
        return torch.tensor(numbers, dtype=workspace.dtype, device=workspace.device).view(-1, 1, 1)


def _padded(parts: Sequence[Tensor]) -> Tensor:
    """(K, r, …) of tensors (rₖ, …), filled up with zeros."""
    padded = parts[0].new_zeros(len(parts), max(map(len, parts)), *parts[0].shape[1:])
    for k, part in enumerate(parts):
        padded[k, : len(part)] = part
    return padded


def _starts(model: GPT | MLP, member: Member) -> dict[str, _Start]:
    """How the plain path would start: its draw of A, its γ, its rates."""
    assert member.adapter is not None
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(member.seed)
    attach(model, member.adapter, generator=generator, gradients=member.gradients)
    optimizer = optimizer_for(model, member.adapter, lr=member.lr)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    return {name: _start(layer, rates) for name, layer in adapted_layers(model).items()}


@torch.no_grad()
def _start(layer: LoRALinear, rates: Mapping[int, float]) -> _Start:
    A, B = layer.A, layer.B
    offset = (layer.A0, layer.B0) if layer.method.form == "offset" else None
    trained: tuple[Tensor, ...] = A, B.mT
    order = [A, B]
    if layer.method.form == "decomposed":
        trained, order = (*trained, layer.m[:, None]), [*order, layer.m]
    return _Start(layer.base.weight, offset, trained, tuple(rates[id(p)] for p in order), layer.scale)
