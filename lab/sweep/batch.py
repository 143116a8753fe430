"""K configurations of one model, trained as one: the same numbers as K runs on their own, in less time.

A configuration is a `Member`: an adapter or full fine-tuning, a learning rate and the seed of A's start. What
trains is stacked, A as (K, r, d_in) with zeros below a member's own rank, which stay zero; autograd does the
rest, and one Adam moves all, each member at its rate. The plain path (`attach`, `optimizer_for`, `train`) is
the reference: members start from it, and the tests compare every loss with it.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lab.sweep.layers import Adam, Many, Start
from lab.sweep.plan import Kind
from lora_core.adapter import adapted_layers, attach, linear_layers, optimizer_for
from lora_core.config import AdapterConfig, Targets, select


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


class Batch:
    """K members, trained together, all of one form.

    Args:
        model: the base, left as it is; in the type in which A is drawn. Its inputs are (n, …), its logits
            (n, classes) or (n, T, classes).
        members: their adapters differ in rank, α, rule and seed, not in targets.
        shared: whether every member gets the same inputs.
        dtype, device: of the computation.

    Raises:
        ValueError: members are of different forms or train different matrices, or `attach` refuses one of
            them.
    """

    def __init__(
        self,
        model: nn.Module,
        members: Sequence[Member],
        *,
        shared: bool,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        if len({(member.form, member.targets) for member in members}) != 1:
            raise ValueError("members must train the same matrices, in the same form")
        linear, targets = linear_layers(model), members[0].targets
        for target in targets if isinstance(targets, tuple) else ():
            select(linear, (target,))  # an embedding, which full fine-tuning elsewhere may train, is none
        self.members, self.trained = tuple(members), select(linear, targets)
        self._shared = shared
        starts = [_starts(model, member, self.trained) for member in members]
        self.model = copy.deepcopy(model).requires_grad_(False).to(device, dtype)
        self.layers = {name: Many([each[name] for each in starts], dtype, device) for name in self.trained}
        for name, layer in self.layers.items():
            parent, _, leaf = name.rpartition(".")
            setattr(self.model.get_submodule(parent), leaf, layer)
        self.parameters = [p for layer in self.layers.values() for p in layer.trained]
        self._adam = Adam(self.parameters, [rate for each in self.layers.values() for rate in each.rates])

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of each member, (K, n, classes) or (K, n, T, classes).

        inputs: (n, …) if shared, else (K, n, …).
        """
        K = len(self.members)
        inputs = inputs.expand(K, *inputs.shape) if self._shared else inputs
        if inputs.is_floating_point():  # pictures keep the members' axis: layers see what is shared
            logits: Tensor = self.model(inputs)
            return logits
        logits = self.model(inputs.flatten(0, 1))
        return logits.view(K, -1, *logits.shape[1:])

    def update(self, losses: Tensor) -> None:
        """One step of Adam for every member along the gradient of its own loss; losses (K,)."""
        self._adam.step(torch.autograd.grad(losses.sum(), self.parameters))

    def step(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """One update of every member on cross-entropy.

        Returns:
            The members' losses (K,) before the update, in nats.
        """
        logits = self.forward(inputs)
        targets = targets.expand(len(self.members), *targets.shape) if self._shared else targets
        losses = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none")
        losses = losses.view(len(self.members), -1).mean(1)
        self.update(losses)
        return losses.detach()

    @torch.no_grad()
    def weights(self, k: int) -> dict[str, Tensor]:
        """Name -> W + ΔW (d_out, d_in) of member k, of the layers that train."""
        return {name: layer.weight()[k] for name, layer in self.layers.items()}

    def deltas(self, k: int) -> dict[str, Tensor]:
        """Name -> ΔW (d_out, d_in) of member k."""
        return {name: weight - self.layers[name].W for name, weight in self.weights(k).items()}

    def factors(self, k: int) -> dict[str, tuple[Tensor, Tensor]]:
        """Name -> A (r, d_in) and B (d_out, r) of member k. Their γ B A is ΔW in LoRA, rsLoRA and LoRA+.

        Raises:
            ValueError: the members have no adapters.
        """
        adapter = self.members[k].adapter
        if adapter is None:
            raise ValueError("full fine-tuning has no factors")
        r = adapter.rank
        pairs = {name: layer.trained[:2] for name, layer in self.layers.items()}
        return {name: (A[k, :r].detach(), Bt[k, :r].mT.detach()) for name, (A, Bt) in pairs.items()}


def _starts(model: nn.Module, member: Member, names: Sequence[str]) -> dict[str, Start]:
    """How the plain path would start: its draw of A, its γ, its rates."""
    if member.adapter is None:
        weights = {name: model.get_parameter(f"{name}.weight") for name in names}
        return {name: Start(W, (W,), (member.lr,)) for name, W in weights.items()}
    model = copy.deepcopy(model)
    generator = torch.Generator().manual_seed(member.seed)
    attach(model, member.adapter, generator=generator, gradients=member.gradients)
    optimizer = optimizer_for(model, member.adapter, lr=member.lr)
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    return {name: Start.of(layer, member.form, rates) for name, layer in adapted_layers(model).items()}
