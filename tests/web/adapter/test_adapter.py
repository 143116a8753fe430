"""What a reader uploads: pictures and spectra against dense numpy, refusals by name."""

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save

from content.catalog import catalog
from lora_core.formats.peft import CONFIG_FILE, TENSOR_FILE, read
from lora_core.inspection import Report, findings
from lora_core.inspection.reading import inspect_files
from tests.web.kit.test_uploads import npy, picture, zipped
from web.adapter import charts, page, reading
from web.adapter.reading import DISPLAY, Opened, open_uploads, per_entry, shown, size_of
from web.kit.layers import adapter_folder
from web.kit.upload_control import File
from web.kit.upload_store import UploadedFile
from web.kit.uploads import RefusedError
from widgets.factor_view.view import MAX_RANK, SOURCE

LONG = "base_model.model.model.layers.{}.self_attn.q_proj.lora_{}.weight"
CONFIG = json.dumps({"peft_type": "LORA", "r": 4, "lora_alpha": 8}).encode()


def factors(d_out: int = 20, d_in: int = 30, rank: int = 4, seed: int = 0) -> tuple[NDArray, NDArray]:
    generator = np.random.default_rng(seed)
    shapes = (d_out, rank), (rank, d_in)
    B, A = (generator.standard_normal(shape).astype(np.float32) for shape in shapes)
    return B, A


def adapter(*layers: int, dtype: type = np.float32, extra: Mapping[str, NDArray] | None = None) -> bytes:
    held = dict(extra or {})
    for i in layers:
        B, A = factors(seed=i)
        held |= {LONG.format(i, "A"): A.astype(dtype), LONG.format(i, "B"): B.astype(dtype)}
    return save(held)


class Desk:
    """A place where uploads lie."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, *files: tuple[str, bytes]) -> list[File]:
        found = []
        for i, (name, data) in enumerate(files):
            path = self.folder / f"upload{i}"
            path.write_bytes(data)
            found.append(File(name, UploadedFile(path, len(data))))
        return found

    def open(self, data: bytes, config: bytes | None = CONFIG) -> Opened:
        files = [("a.safetensors", data)] + ([("adapter_config.json", config)] if config else [])
        return open_uploads(self.put(*files))

    def inspect(self, data: bytes, config: bytes | None = CONFIG) -> tuple[Opened, Report]:
        opened = self.open(data, config)
        assert opened.files is not None
        return opened, inspect_files(opened.files)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_every_number_is_what_dense_numpy_says(desk: Desk) -> None:
    opened, report = desk.inspect(adapter(3))
    (layer,) = report.layers
    assert opened.files is not None
    one = shown(opened.files, layer)
    assert one is not None
    B, A = (each.astype(float) for each in factors(seed=3))
    delta = 2 * B @ A
    singular = np.linalg.svd(delta, compute_uv=False)[:4]
    assert (one.name, one.shape, one.rank) == ("model.layers.3.self_attn.q_proj", (20, 30), 4)
    np.testing.assert_allclose(one.singular, singular, rtol=1e-9)
    assert size_of(layer) == pytest.approx(np.linalg.norm(delta), rel=1e-6)
    assert per_entry(layer) == pytest.approx(np.sqrt((delta**2).mean()), rel=1e-6)
    np.testing.assert_allclose(one.energy, np.cumsum(singular**2) / np.sum(singular**2))
    np.testing.assert_allclose(one.update, delta, rtol=1e-5)
    np.testing.assert_allclose(one.A, A)
    np.testing.assert_allclose(one.B, B)


def test_the_effective_rank_is_roys_and_vetterlis() -> None:
    equal = reading.picture("x", np.eye(6)[:, :4], np.eye(4, 9), 3.0)
    assert equal.effective_rank == pytest.approx(4)
    alone = reading.picture("x", np.ones((6, 1)), np.ones((1, 5)), 1.0)
    assert alone.effective_rank == pytest.approx(1)
    two = reading.picture("x", np.diag([3.0, 1.0]), np.eye(2), 1.0)
    assert two.effective_rank == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))
    nothing = reading.picture("x", np.zeros((6, 2)), np.ones((2, 5)), 1.0)
    assert nothing.effective_rank == 0.0
    assert nothing.energy.tolist() == [1.0, 1.0]


def test_a_large_update_is_thinned_and_never_formed() -> None:
    B, A = (each.astype(float) for each in factors(1000, 3000, 4))
    one = reading.picture("x", B, A, 0.5)
    assert one.step == 24
    assert max(one.update.shape) <= DISPLAY
    np.testing.assert_allclose(one.update, (0.5 * B @ A)[::24, ::24], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(one.A, A[:, ::24], rtol=1e-6)
    np.testing.assert_allclose(one.B, B[::24], rtol=1e-6)


def test_of_several_experts_the_first_is_drawn(desk: Desk) -> None:
    B, A = factors(d_out=16, d_in=12, rank=8)
    tensors = {LONG.format(0, "A"): A, LONG.format(0, "B"): B}
    entries = {"peft_type": "LORA", "r": 2, "lora_alpha": 8, "target_parameters": ["q_proj.gate"]}
    opened, report = desk.inspect(save(tensors), json.dumps(entries).encode())
    assert opened.files is not None
    one = shown(opened.files, report.layers[0])
    assert one is not None
    assert (report.layers[0].experts, one.rank) == (4, 2)
    np.testing.assert_allclose(one.update, 4 * B[:, ::4] @ A[:2], rtol=1e-5)


def test_a_length_that_looks_like_json_is_a_length(desk: Desk) -> None:
    data = adapter(0)
    length = struct.unpack("<Q", data[:8])[0]
    wide = data[8 : 8 + length].ljust(0x7B20)  # its length begins with the bytes of " {"
    assert desk.inspect(struct.pack("<Q", 0x7B20) + wide + data[8 + length :])[1].layers


def test_a_name_from_a_file_is_no_markup(desk: Desk) -> None:
    B, A = factors()
    name = '<a href="//x.example">&amp;</a>'
    tensors = {f"{name}.lora_A.weight": A, f"{name}.lora_B.weight": B, "<b>.weight": A}
    _, report = desk.inspect(save(tensors))
    spec, _, _ = charts.ranking(charts.ranked(report))
    assert (
        spec["layout"]["annotations"][0]["text"] == "&lt;a href=&#34;//x.example&#34;&gt;&amp;amp;&lt;/a&gt;"
    )
    (other,) = (each for each in report.findings if each.code == "other_weights")
    assert "<b>.weight" not in page.finding(other)
    assert "b&gt;.weight" in page.finding(other)


def test_a_session_keeps_the_files_on_disk_as_long_as_it_shows_them(desk: Desk) -> None:
    opened = desk.open(adapter(0))
    assert [each.file.path.exists() for each in opened.held] == [True, True]


def test_the_shipped_adapter_reads_as_the_library_reads_it() -> None:
    ours = read(adapter_folder(SOURCE, MAX_RANK))
    _, report = page.shipped()
    assert {layer.name for layer in report.layers} == ours.layers.keys()
    for layer in report.layers:
        held, gamma = ours.layers[layer.name], ours.scale_of(layer.name)
        delta = gamma * held["lora_B.weight"].astype(float) @ held["lora_A.weight"]
        assert layer.scale == pytest.approx(gamma)
        assert layer.norm == pytest.approx(np.linalg.norm(delta), rel=1e-5)
    assert (CONFIG_FILE, TENSOR_FILE) == ("adapter_config.json", "adapter_model.safetensors")


def test_without_a_configuration_sizes_are_of_the_product(desk: Desk) -> None:
    _, report = desk.inspect(adapter(0), None)
    B, A = factors(seed=0)
    assert report.layers[0].norm is None
    assert size_of(report.layers[0]) == pytest.approx(np.linalg.norm(B @ A), rel=1e-5)


def test_a_configuration_may_begin_with_a_byte_order_mark(desk: Desk) -> None:
    assert desk.inspect(adapter(0), b"\xef\xbb\xbf" + CONFIG)[1].layers[0].scale == 2


def test_a_matrix_is_one_layer_with_the_factors_of_its_svd(desk: Desk) -> None:
    M = np.random.default_rng(1).standard_normal((12, 7))
    one = open_uploads(desk.put(("m.npy", npy(M)))).matrix
    assert one is not None
    np.testing.assert_allclose(one.singular, np.linalg.svd(M, compute_uv=False), rtol=1e-9)
    np.testing.assert_allclose(one.update, M, atol=1e-6)
    np.testing.assert_allclose(one.B @ one.A, M, atol=1e-5)


WRONG: dict[str, tuple[bytes, bytes | None]] = {
    "adapters.refused.damaged, cut short": (adapter(0)[:-40], CONFIG),
    "adapters.refused.damaged, no header": (struct.pack("<Q", 4) + b"{{{{", CONFIG),
    "adapters.refused.damaged, nothing at all": (struct.pack("<Q", 2) + b"{}", CONFIG),
    "adapters.refused.pickled, zip": (zipped(bomb=False), None),
    "adapters.refused.pickled, pickle": (b"\x80\x02}q\x00X\x01\x00\x00\x00a", None),
    "adapters.refused.lfs_pointer": (b"version https://git-lfs.github.com/spec/v1\n", None),
    "adapters.refused.foreign_model": (adapter(0), b'{"model_type": "llama"}'),
    "adapters.refused.foreign_mlx": (adapter(0), b'{"lora_parameters": {}}'),
    "adapters.refused.foreign_other": (adapter(0), b"{}"),
    "adapters.refused.peft_type": (adapter(0), b'{"peft_type": "IA3"}'),
    "adapters.refused.json": (adapter(0), b"{"),
    "adapters.refused.pattern": (adapter(0), b'{"peft_type": "LORA", "alpha_pattern": {"(a)\\\\1": 2}}'),
    "adapters.refused.several_adapters": (
        save({f"m.lora_{side}.{name}.weight": np.ones((2, 2)) for side in "AB" for name in "xy"}),
        CONFIG,
    ),
    "config": (adapter(0), b'{"peft_type": "LORA", "r": 0}'),
    "no_layers": (save({"weight": np.ones((3, 3), np.float32)}), CONFIG),
    "picture_here": (picture(), None),
    "finite": (npy(np.array([[1, np.inf], [1, 2]])), None),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_for_what_it_is(desk: Desk, what: str) -> None:
    with pytest.raises(RefusedError) as refused:
        desk.open(*WRONG[what])
    assert refused.value.key == what.split(",")[0]


def test_one_adapter_at_a_time(desk: Desk) -> None:
    for files, key in (
        ([("c.json", CONFIG)], "config_alone"),
        ([("a", adapter(0)), ("b", adapter(1))], "two"),
        ([("a", adapter(0)), ("c", CONFIG), ("d", CONFIG)], "two"),
    ):
        with pytest.raises(RefusedError) as refused:
            open_uploads(desk.put(*files))
        assert refused.value.key == key


def test_every_finding_has_its_words() -> None:
    """Every code that stands in the library's findings, found in its source as it is written there."""
    source = Path(findings.__file__).read_text("utf-8")
    codes = findings.SAID.keys() | set(re.findall(r"_finding\(\s*\"(\w+)\"", source))
    codes |= {"modules_to_save", "base_weights", "bias", "other_weights"}
    assert len(codes) >= 27
    for language in ("en", "th"):
        words = catalog(language)
        assert {f"adapters.finding.{code}" for code in codes} <= set(words), language
