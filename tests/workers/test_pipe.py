"""Frames: what goes in comes out, and what is no frame is refused."""

import io
import json
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers import pipe
from workers.pipe import MAX_HEADER, MAX_PAYLOAD, ProtocolError, read_frame, write_frame

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
HEADERS = st.builds(
    lambda more, kind: {**more, "type": kind}, st.dictionaries(st.text(max_size=8), VALUES), st.text()
)
FRAMES = st.tuples(HEADERS, st.binary(max_size=300))


def written(*frames):
    stream = io.BytesIO()
    for header, payload in frames:
        write_frame(stream, header, payload)
    return stream.getvalue()


@given(st.lists(FRAMES, max_size=4))
def test_frames_come_back_as_they_went(frames):
    stream = io.BytesIO(written(*frames))
    assert [read_frame(stream) for _ in frames] == frames
    assert read_frame(stream) is None


@given(FRAMES, st.data())
def test_a_frame_cut_short_is_no_end(frame, data):
    whole = written(frame)
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(ProtocolError, match="cut short"):
        read_frame(io.BytesIO(whole[:cut]))


@given(st.binary(max_size=64))
def test_any_bytes_are_a_frame_the_end_or_refused(content):
    try:
        found = read_frame(io.BytesIO(content))
    except ProtocolError:
        return
    assert found is None or isinstance(found[0]["type"], str)


@given(st.integers(MAX_HEADER + 1, 2**32 - 1), st.booleans())
def test_a_frame_that_says_it_is_too_large_is_refused_unread(length, as_header):
    length = max(length, MAX_PAYLOAD + 1)
    lengths = (length, 0) if as_header else (2, length)
    stream = io.BytesIO(struct.pack(">II", *lengths) + b"{}")
    with pytest.raises(ProtocolError, match="the most is"):
        read_frame(stream)
    assert stream.tell() == 8


def test_a_frame_that_is_too_large_is_not_sent(monkeypatch):
    monkeypatch.setattr(pipe, "MAX_PAYLOAD", 10)
    stream = io.BytesIO()
    with pytest.raises(ProtocolError, match="11 bytes"):
        write_frame(stream, {"type": "a"}, b"x" * 11)
    assert stream.getvalue() == b""


@pytest.mark.parametrize(
    "head",
    [b"null", b"[]", b"{}", b'{"type": 1}', b"\xff\xff", b"{", b"[" * 100_000, b'{"type": "a"} x'],
    ids=["null", "list", "no type", "number", "no text", "open", "deep", "more"],
)
def test_a_header_that_is_no_object_with_a_type_is_refused(head):
    with pytest.raises(ProtocolError):
        read_frame(io.BytesIO(struct.pack(">II", len(head), 0) + head))


def test_lengths_come_first_and_are_big_endian():
    header = {"type": "a"}
    head = json.dumps(header).encode()
    assert written((header, b"\x01\x02")) == b"\x00\x00\x00\x0d\x00\x00\x00\x02" + head + b"\x01\x02"


def test_a_pipe_that_nobody_reads_is_an_error_of_the_system():
    source, sink = os.pipe()
    os.close(source)
    stream = os.fdopen(sink, "wb")
    with pytest.raises(BrokenPipeError):
        write_frame(stream, {"type": "a"})
    with pytest.raises(BrokenPipeError):  # what was not sent is still in its buffer
        stream.close()
