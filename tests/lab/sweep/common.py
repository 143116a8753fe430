"""Small sweeps of one task, shared by the tests."""

from dataclasses import replace

from lab.runs.config import TrainConfig
from lab.runs.defaults import default
from lab.sweep import SweepSnapshot, sweep

FASHION = replace(default("mlp-mnist", "fashion"), steps=12, yardstick=False)


def grid(
    config: TrainConfig, ranks: tuple[int, ...], rates: tuple[float, ...], seeds: tuple[int, ...] = (0,)
) -> list[TrainConfig]:
    assert config.adapter is not None
    return [
        replace(config, adapter=replace(config.adapter, rank=rank), lr=lr, seed=seed)
        for rank in ranks
        for lr in rates
        for seed in seeds
    ]


def last(configs: list[TrainConfig], **options: object) -> SweepSnapshot:
    *_, end = sweep(configs, **options)  # type: ignore[arg-type]
    return end
