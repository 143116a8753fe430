"""Reading an adapter that a reader brings, against dense numpy, and every lie its files can tell."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from threading import Barrier, BrokenBarrierError, Thread

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import save

from lora_core.formats import peft as peft_format
from tests.web.kit.test_uploads import npy, picture, zipped
from web.adapter import charts, reading
from web.adapter.reading import DISPLAY, Brought, gamma_of, layer, read, tensors
from web.kit.layers import CHECKPOINTS
from web.kit.uploads import RefusedError

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


def brought(data: bytes, config: bytes | None = CONFIG) -> Brought:
    return read([("a.safetensors", data)] + ([("adapter_config.json", config)] if config else []))


def test_every_number_is_what_dense_numpy_says() -> None:
    (one,) = brought(adapter(3)).layers
    B, A = (each.astype(float) for each in factors(seed=3))
    delta = 2 * B @ A
    singular = np.linalg.svd(delta, compute_uv=False)[:4]
    assert (one.name, one.shape, one.rank, one.gamma) == ("model.layers.3.self_attn.q_proj", (20, 30), 4, 2.0)
    np.testing.assert_allclose(one.singular, singular, rtol=1e-9)
    assert one.size == pytest.approx(np.linalg.norm(delta))
    assert one.per_entry == pytest.approx(np.sqrt((delta**2).mean()))
    np.testing.assert_allclose(one.energy, np.cumsum(singular**2) / np.sum(singular**2))
    np.testing.assert_allclose(one.update, delta, rtol=1e-5)
    np.testing.assert_allclose(one.A, A)
    np.testing.assert_allclose(one.B, B)


def test_the_effective_rank_is_roys_and_vetterlis() -> None:
    equal = layer("x", np.eye(6)[:, :4], np.eye(4, 9), 3.0)
    assert equal.effective_rank == pytest.approx(4)
    alone = layer("x", np.ones((6, 1)), np.ones((1, 5)), 1.0)
    assert alone.effective_rank == pytest.approx(1)
    two = layer("x", np.diag([3.0, 1.0]), np.eye(2), 1.0)
    assert two.effective_rank == pytest.approx(np.exp(-(0.75 * np.log(0.75) + 0.25 * np.log(0.25))))
    nothing = layer("x", np.zeros((6, 2)), np.ones((2, 5)), 1.0)
    assert (nothing.effective_rank, nothing.size) == (0.0, 0.0)
    assert nothing.energy.tolist() == [1.0, 1.0]


def test_a_large_update_is_thinned_and_never_formed() -> None:
    B, A = (each.astype(float) for each in factors(1000, 3000, 4))
    one = layer("x", B, A, 0.5)
    assert one.step == 24
    assert max(one.update.shape) <= DISPLAY
    np.testing.assert_allclose(one.update, (0.5 * B @ A)[::24, ::24], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(one.A, A[:, ::24], rtol=1e-6)
    np.testing.assert_allclose(one.B, B[::24], rtol=1e-6)


def test_pictures_of_many_layers_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "PIXELS", 3 * 10**2)
    for one in brought(adapter(0, 1, 2)).layers:
        assert one.update.shape == (7, 10)
        assert max(*one.A.shape, *one.B.shape) <= 10


def test_one_adapter_is_read_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    both, alone = Barrier(2), []

    def slow(*_: object) -> Brought:
        try:
            both.wait(0.1)
        except BrokenBarrierError:
            alone.append(True)
        return Brought("", (), True)

    monkeypatch.setattr(reading, "_adapter", slow)
    readers = [Thread(target=brought, args=(adapter(0),)) for _ in range(2)]
    for each in readers:
        each.start()
    for each in readers:
        each.join()
    assert alone == [True, True]


def test_a_length_that_looks_like_json_is_a_length() -> None:
    data = adapter(0)
    length = struct.unpack("<Q", data[:8])[0]
    wide = data[8 : 8 + length].ljust(0x7B20)  # its length begins with the bytes of " {"
    assert len(brought(struct.pack("<Q", 0x7B20) + wide + data[8 + length :]).layers) == 1


def test_a_name_from_a_file_is_no_markup_in_a_chart() -> None:
    B, A = factors()
    name = '<a href="//x.example">&amp;</a>'
    spec, _, _ = charts.ranking(brought(save({f"{name}.lora_A.weight": A, f"{name}.lora_B.weight": B})))
    shown = spec["layout"]["annotations"][0]["text"]
    assert shown == "&lt;a href=&#34;//x.example&#34;&gt;&amp;amp;&lt;/a&gt;"


def test_layers_stand_in_the_order_of_their_numbers() -> None:
    names = [one.name for one in brought(adapter(10, 2, 1)).layers]
    assert [name.split(".")[2] for name in names] == ["1", "2", "10"]


def test_half_precision_is_read() -> None:
    exact = brought(adapter(0)).layers[0].singular
    half = brought(adapter(0, dtype=np.float16)).layers[0].singular
    np.testing.assert_allclose(half, exact, rtol=2e-3)
    B, A = factors(seed=0)
    parts = {LONG.format(0, "A"): A, LONG.format(0, "B"): B}
    body, header = b"", {}
    for name, array in parts.items():
        upper = (np.ascontiguousarray(array).view("<u4") >> 16).astype("<u2").tobytes()  # bfloat16, cut
        header[name] = {
            "dtype": "BF16",
            "shape": array.shape,
            "data_offsets": [len(body), len(body) + len(upper)],
        }
        body += upper
    text = json.dumps(header).encode()
    brain = brought(struct.pack("<Q", len(text)) + text + body).layers[0]
    cut = [(np.ascontiguousarray(each).view("<u4") & 0xFFFF0000).view("<f4").astype(float) for each in (B, A)]
    np.testing.assert_allclose(
        brain.singular, 2 * np.linalg.svd(cut[0] @ cut[1], compute_uv=False)[:4], rtol=1e-9
    )


def test_our_own_adapters_read_as_the_library_reads_them() -> None:
    folder = CHECKPOINTS / "retrain" / "alpha_over_sqrt_r-r8"
    ours = peft_format.read(folder)
    files = [
        (name, (folder / name).read_bytes()) for name in ("adapter_model.safetensors", "adapter_config.json")
    ]
    shown = {one.name: one for one in read(files).layers}
    assert shown.keys() == ours.layers.keys()
    for name, held in ours.layers.items():
        gamma = ours.config_of(name).gamma
        delta = gamma * held["lora_B.weight"].astype(float) @ held["lora_A.weight"]
        assert shown[name].gamma == pytest.approx(gamma)
        assert shown[name].size == pytest.approx(np.linalg.norm(delta), rel=1e-5)


@pytest.mark.parametrize(
    ("entries", "gamma"),
    [
        ({"lora_alpha": 16}, 4.0),
        ({"lora_alpha": 16, "use_rslora": True}, 8.0),
        ({}, 2.0),  # PEFT's own α is 8
        ({"lora_alpha": 16, "alpha_pattern": {"q_proj": 4}}, 1.0),
        ({"lora_alpha": 16, "alpha_pattern": {r"^model\.layers\.0\.self_attn\.q_proj": 4}}, 1.0),
        ({"lora_alpha": 16, "alpha_pattern": {"proj": 4, "v_proj": 2}}, 4.0),
        ({"lora_alpha": 16, "alpha_pattern": {"(a+)+$": 4}}, 4.0),
        ({"lora_alpha": 16, "alpha_pattern": None}, 4.0),
    ],
)
def test_gamma_is_as_configured(entries: dict[str, object], gamma: float) -> None:
    assert gamma_of("model.layers.0.self_attn.q_proj", 4, entries) == gamma


def test_without_a_configuration_gamma_is_one_and_said() -> None:
    found = brought(adapter(0), None)
    assert (found.configured, found.layers[0].gamma) == (False, 1.0)


def test_an_expression_from_outside_is_never_run() -> None:
    """A pattern that would keep a regular expression busy for longer than the test may take."""
    config = json.dumps({"lora_alpha": 8, "alpha_pattern": {"(a|a)*" * 9 + "b": 2}}).encode()
    name = f"base_model.model.{'a' * 200}.lora_{{}}.weight"
    B, A = factors()
    assert brought(save({name.format("A"): A, name.format("B"): B}), config).layers[0].gamma == 2.0


def test_what_is_no_factor_is_counted_and_not_shown() -> None:
    extra = {"base_model.model.embed.lora_embedding_A": np.ones((2, 3), np.float32)}
    found = brought(adapter(0, 1, extra=extra))
    assert (len(found.layers), found.others) == (2, 1)


def test_a_matrix_is_one_layer_with_the_factors_of_its_svd() -> None:
    M = np.random.default_rng(1).standard_normal((12, 7))
    found = read([("m.npy", npy(M))])
    assert found.matrix
    (one,) = found.layers
    np.testing.assert_allclose(one.singular, np.linalg.svd(M, compute_uv=False), rtol=1e-9)
    np.testing.assert_allclose(one.update, M, atol=1e-6)
    np.testing.assert_allclose(one.B @ one.A, M, atol=1e-5)


def lying(change: Mapping[str, object] | None = None, *, tail: bytes = b"", size: int | None = None) -> bytes:
    """An adapter whose header is changed for one tensor, or whose length is."""
    data = adapter(0)
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header[LONG.format(0, "B")] |= change or {}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + data[8 + length :] + tail


B, A = factors()
THIN = np.ones((2, 513), np.float32)
WRONG = {
    "header": lying({"shape": [20, 5]}),
    "header, bytes beyond the end": lying({"data_offsets": [480, 10**9]}),
    "header, bytes of another tensor": lying({"data_offsets": [0, 320]}),
    "header, a negative offset": lying({"data_offsets": [-320, 0]}),
    "header, an offset that is no number": lying({"data_offsets": ["0", "320"]}),
    "header, true is no number": lying({"shape": [True, 80]}),
    "header, a gap at the end": lying(tail=b"\0" * 8),
    "header, cut short": adapter(0)[:-40],
    "header, cut in the header": adapter(0)[:100],
    "header, no object": struct.pack("<Q", 9) + b'{"a":[1]}',
    "header, no JSON": struct.pack("<Q", 4) + b"{{{{",
    "header, deep as a well": struct.pack("<Q", 200_005) + b'{"a":' + b"[" * 200_000,
    "header_size": lying(size=1 << 40),
    "no_layers": save({"weight": np.ones((3, 3), np.float32)}),
    "no_layers, nothing at all": struct.pack("<Q", 2) + b"{}",
    "no_layers, a convolution": save(
        {f"m.lora_{side}.weight": np.ones((3, 3, 1, 1), np.float32) for side in "AB"}
    ),
    "pair": save({LONG.format(0, "A"): A}),
    "tensor_shape": save({LONG.format(0, "A"): A, LONG.format(0, "B"): B.T.copy()}),
    "tensor_shape, nothing": save({LONG.format(0, "A"): A[:, :0].copy(), LONG.format(0, "B"): B}),
    "tensor_dtype": save({LONG.format(0, "A"): A.astype(np.int8), LONG.format(0, "B"): B}),
    "tensor_finite": save({LONG.format(0, "A"): A, LONG.format(0, "B"): B * np.float32(np.nan)}),
    "tensor_finite, too large": save({LONG.format(0, "A"): A, LONG.format(0, "B"): B * np.float32(1e38)}),
    "tensor_finite, a product too large": save(
        {LONG.format(0, "A"): A.astype(float) * 1e14, LONG.format(0, "B"): B.astype(float) * 1e15 / 5}
    ),
    "rank": save({LONG.format(0, "A"): THIN.T.copy(), LONG.format(0, "B"): THIN}),
    "many_layers": adapter(*range(1001)),
    "zip": zipped(bomb=False),
    "picture_here": picture(),
    "finite": npy(np.array([[1, np.inf], [1, 2]])),
}  # fmt: skip


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_refused_for_what_it_is(what: str) -> None:
    with pytest.raises(RefusedError) as refused:
        brought(WRONG[what])
    assert refused.value.key == what.split(",")[0]


def test_what_is_too_large_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 100)
    with pytest.raises(RefusedError) as refused:
        tensors(adapter(0))
    assert refused.value.key == "bytes"


@pytest.mark.parametrize(
    ("config", "field"),
    [
        (b"{", "JSON"),
        (b'{"lora_alpha": "8"}', "lora_alpha = 8"),
        (b'{"lora_alpha": NaN}', "lora_alpha = nan"),
        (b'{"lora_alpha": true}', "lora_alpha = True"),
        (b'{"r": 0}', "r = 0"),
        (json.dumps({"alpha_pattern": {f"{i}": 1 for i in range(1001)}}).encode(), "alpha_pattern"),
        (b'{"alpha_pattern": ["a"]}', "alpha_pattern"),
        (b'{"alpha_pattern": {"q_proj": []}}', "lora_alpha = []"),
        (b"{" + b" " * (300 << 10) + b"}", "JSON"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused(config: bytes, field: str) -> None:
    with pytest.raises(RefusedError) as refused:
        brought(adapter(0), config)
    assert (refused.value.key, refused.value.fields) == ("config", {"field": field})


def test_one_adapter_at_a_time() -> None:
    for files, key in (
        ([("c.json", CONFIG)], "config_alone"),
        ([("a", adapter(0)), ("b", adapter(1))], "two"),
        ([("a", adapter(0)), ("c", CONFIG), ("d", CONFIG)], "two"),
    ):
        with pytest.raises(RefusedError) as refused:
            read(files)
        assert refused.value.key == key


def test_nothing_here_runs_a_pattern_or_a_pickle_of_the_reader() -> None:
    source = Path(reading.__file__).read_text("utf-8")
    for danger in ("re.match(", "re.search(", "pickle", "eval(", "torch"):
        assert danger not in source.replace("without torch", ""), danger
