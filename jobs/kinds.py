"""What a worker can be asked to do, by name. Only here does this room bring torch in, and only in a worker.

A kind is a generator: it is given the request, a function that says whether to stop, the device and the
seconds between two snapshots, and yields frames: any number of snapshots, then one `ended`.
"""

from __future__ import annotations

import io
import secrets
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from jobs.protocol import Frame, as_array

Kind = Callable[[dict[str, Any], Callable[[], bool], str, float], Iterator[Frame]]
Warm = Callable[[str], str]  # the device asked for -> the device there is


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

    from lora_core.config import TASKS, TrainConfig
    from lora_core.training import fine_tune, pick_device

    torch.set_num_threads(1)
    try:
        device = pick_device(wanted)
    except ValueError as error:
        raise Unusable("device", device=wanted) from error
    for base, tasks in TASKS.items():
        run = fine_tune(TrainConfig(base=base, task=tasks[0], steps=1), device=device)
        next(run)
        del run
    return device


def train(request: dict[str, Any], stop: Callable[[], bool], device: str, every: float) -> Iterator[Frame]:
    """Kind "train": `lora_core.training.fine_tune`, and its adapter as a zip."""
    from lora_core.config import TrainConfig
    from lora_core.training import fine_tune

    # The folder appears only when there is something to save: a worker killed while it trains leaves none.
    folder = Path(tempfile.gettempdir()) / f"pradit-{secrets.token_hex(16)}"
    state, reason = "failed", None
    try:
        for snapshot in fine_tune(
            TrainConfig.from_json(request), device=device, every=every, stop=stop, adapter_folder=folder
        ):
            yield {"type": "snapshot", "snapshot": snapshot.to_json()}, snapshot.arrays
            state, reason = snapshot.state, snapshot.reason
        result = {"result": as_array(zip_folder(folder))} if folder.is_dir() else {}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if state == "diverged":
        yield {"type": "ended", "state": "failed", "key": f"diverged.{reason}", "values": {}}, {}
    else:
        yield {"type": "ended", "state": state, "key": None, "values": {}}, result


def zip_folder(folder: Path) -> bytes:
    """A folder's files as a zip without directories; equal folders give equal bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.iterdir()):
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


KINDS: Mapping[str, Kind] = {"train": train}
