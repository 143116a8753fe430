"""What can be asked for, by name: how a request is checked on the server's side, and how a worker does it.

A new kind is one entry of `KINDS`. Its work is a generator: it is given the request, a function that says
whether to stop, the device and the seconds between two snapshots, and yields frames: any number of snapshots,
then one `ended`. Only inside these functions does this room bring torch in, and only in a worker.
"""

from __future__ import annotations

import io
import logging
import secrets
import shutil
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol, Self, TypeVar

from jobs.limits import Refused, refusal
from jobs.protocol import Arrays, Frame, as_array
from lab.bases.registry import BASES
from lab.claims import ExperimentConfig, live
from lab.rounding import rounded
from lab.runs.config import TrainConfig
from lab.runs.language_config import LanguageConfig, missing_model
from lab.runs.language_snapshot import LanguageSnapshot
from lab.runs.serving_config import ServeConfig
from lab.runs.snapshot import Snapshot
from lora_core.bounds import largest_rank
from lora_core.config import ConfigError, select

log = logging.getLogger(__name__)


class Config(Protocol):
    """A request: frozen, validating itself (ConfigError), and the same through JSON."""

    def to_json(self) -> dict[str, Any]: ...

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self: ...


S = TypeVar("S", Snapshot, LanguageSnapshot)
Work = Callable[[dict[str, Any], Callable[[], bool], str, float], Iterator[Frame]]
Warm = Callable[[str], str]  # the device asked for -> the device there is


@dataclass(frozen=True)
class Kind:
    """One kind of job.

    Attributes:
        config: what its requests are.
        work: what a worker does with one, in JSON.
        check: what is held against limits beyond the config's own; raises Refused.
        patience: how many times `Limits.silence` it may say nothing before it is taken to hang.
    """

    config: type[Config]
    work: Work
    check: Callable[[Any], None] | None = None
    patience: int = 1


class Unusable(Exception):  # noqa: N818
    """A worker cannot work as it is set up; `jobs.<key>` says why."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(f"{key} {values}")
        self.key = key
        self.values = values


def warm(wanted: str) -> str:
    """Import torch, choose the device, touch every base model: the first press of Train shall not wait.

    Raises:
        Unusable: the wanted device does not exist here.
    """
    import torch

    from lab.runs.fine_tune import fine_tune, pick_device

    torch.set_num_threads(1)
    try:
        device = pick_device(wanted)
    except ValueError as error:
        raise Unusable("device", device=wanted) from error
    for name, base in BASES.items():
        run = fine_tune(TrainConfig(base=name, task=next(iter(base.lessons)), steps=1), device=device)
        next(run)
        del run
    return device


def train(request: dict[str, Any], stop: Callable[[], bool], device: str, every: float) -> Iterator[Frame]:
    """Kind "train": `lab.runs.fine_tune.fine_tune`, and its adapter as a zip."""
    from lab.runs.fine_tune import fine_tune

    config = TrainConfig.from_json(request)

    def run(folder: Path | None) -> Iterator[Snapshot]:
        return fine_tune(config, device=device, every=every, stop=stop, adapter_folder=folder)

    yield from _with_adapter(run, lambda snapshot: snapshot.arrays, expected=config.adapter is not None)


def teach(request: dict[str, Any], stop: Callable[[], bool], device: str, every: float) -> Iterator[Frame]:
    """Kind "teach": `lab.runs.language_run`, and its adapter for every program that runs it, as a zip."""
    from lab.runs.language_home import make_ready
    from lab.runs.language_run import language_run
    from lora_core.language.speed import fast_dtype

    if missing := missing_model():
        yield {"type": "ended", "state": "failed", "key": "model", "values": {"reason": missing}}, {}
        return
    config = LanguageConfig.from_json(request)

    def run(folder: Path | None) -> Iterator[LanguageSnapshot]:
        for snapshot in language_run(
            config,
            dtype=fast_dtype(device),
            device=device,
            every=every,
            stop=stop,
            adapter_folder=folder,
            measure_base=bool(config.text),  # the loss on what is held out is the only measure there
        ):
            yield snapshot
        if folder and folder.is_dir():
            make_ready(folder, config, snapshot)

    yield from _with_adapter(run, lambda _: {}, expected=config.adapter is not None)


def _with_adapter(
    run: Callable[[Path | None], Iterator[S]], arrays: Callable[[S], Arrays], *, expected: bool
) -> Iterator[Frame]:
    """The frames of a run that may leave an adapter, which goes with the last one as a zip.

    A run whose adapter finds no room on the disk has ended all the same, and says so.

    Args:
        run: given the folder for the adapter, None where no disk takes it.
        arrays: what goes with a snapshot.
        expected: whether a run that ends well leaves an adapter.
    """
    folder, key, result = _folder(), None, {}
    state, reason = "running", None
    try:
        for snapshot in run(folder):
            yield {"type": "snapshot", "snapshot": snapshot.to_json()}, arrays(snapshot)
            state, reason = snapshot.state, snapshot.reason
        if folder and folder.is_dir():
            result = {"result": as_array(zip_folder(folder))}
        elif folder is None and expected:
            key = "unsaved"
    except OSError:
        if state == "running":
            raise
        log.exception("the adapter could not be saved")
        key = "unsaved"
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    if state == "diverged":
        state, key = "failed", f"diverged.{reason}"
    yield {"type": "ended", "state": state, "key": key, "values": {}}, result


def _folder() -> Path | None:
    """Where an adapter may be put, None where no disk takes it. The folder appears only when there is
    something to save: a worker killed while it trains leaves none."""
    try:
        return Path(tempfile.gettempdir()) / f"pradit-{secrets.token_hex(16)}"
    except OSError:
        log.exception("there is no folder for temporary files")
        return None


def experiment(
    request: dict[str, Any], stop: Callable[[], bool], device: str, every: float
) -> Iterator[Frame]:
    """Kind "experiment": the quick run of a claim. Each snapshot holds all that was found so far.

    {"done": 0 to 1, "seconds", "state": "running", "done" or "stopped", "result": a Result in JSON}
    """
    updates = live(ExperimentConfig.from_json(request), device=device, stop=stop, every=every)
    yield from _as_frames(((update.done, update.result.to_json()) for update in updates), stop)


def serve(request: dict[str, Any], stop: Callable[[], bool], device: str, every: float) -> Iterator[Frame]:
    """Kind "serve": `lab.runs.serving_trial`, in the snapshots of an experiment; its `Result` in JSON."""
    from lab.runs.serving_trial import serve as served

    updates = served(ServeConfig.from_json(request), device=device, stop=stop, every=every)
    yield from _as_frames(((done, asdict(result)) for done, result in updates), stop)


def _as_frames(updates: Iterator[tuple[float, dict[str, Any]]], stop: Callable[[], bool]) -> Iterator[Frame]:
    """How much is done and all that was found so far, as frames."""
    began = time.perf_counter()

    def frame(state: str) -> Frame:
        snapshot = {"done": done, "seconds": time.perf_counter() - began, "state": state, "result": result}
        return {"type": "snapshot", "snapshot": snapshot}, {}

    done, result = 0.0, {}
    for share, found in updates:
        done, result = share, rounded(found)
        yield frame("running")
    state = "stopped" if done < 1 and stop() else "done"
    yield frame(state)
    yield {"type": "ended", "state": state, "key": None, "values": {}}, {}


def zip_folder(folder: Path) -> bytes:
    """A folder's files as a zip; equal folders give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = path.relative_to(folder).as_posix()
            archive.writestr(zipfile.ZipInfo(name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def check_layers(config: TrainConfig) -> None:
    """Layers that the base has, and a rank that they can have."""
    base = BASES[config.base]
    shapes = base.layers
    embeddings = () if config.adapter else tuple(base.embeddings)  # these train whole, or not at all
    try:
        chosen = select((*embeddings, *shapes), config.targets)
    except ValueError as error:
        raise Refused("limit.targets", value=config.targets, choices=", ".join(shapes)) from error
    if config.adapter:
        most = largest_rank(shapes[name] for name in chosen)
        if config.adapter.rank > most:
            raise Refused("limit.rank", value=config.adapter.rank, low=1, high=most)


KINDS: Mapping[str, Kind] = {
    "train": Kind(TrainConfig, train, check_layers),
    "experiment": Kind(ExperimentConfig, experiment, patience=4),  # some measure long between two updates
    "serve": Kind(ServeConfig, serve),
    "teach": Kind(LanguageConfig, teach, patience=8),  # a model is opened first, and asked much at the end
}


def check(config: Config) -> str:
    """Hold a request against the limits again, on the server's side.

    Returns:
        The name of its kind.

    Raises:
        Refused: a field is out of bounds; see `refusal`.
        TypeError: it is no request of any kind.
    """
    for name, kind in KINDS.items():
        if type(config) is kind.config:
            try:
                again = kind.config.from_json(config.to_json())
            except ConfigError as error:
                raise refusal(error) from error
            if kind.check:
                kind.check(again)
            return name
    raise TypeError(f"{type(config).__name__} is no request; the kinds are: {', '.join(KINDS)}")
