"""Audio as the player gets it: mp3 at a constant rate, whose frames join, and peaks for the waveform.

Every mp3 here is 24 kHz mono at 48 kbit/s: frames of 576 samples, 144 bytes. Sentences encoded apart join
into a chapter by putting their bytes one after the other, with no drift; the encoder starts DELAY seconds
late.
"""

import lameenc
import numpy as np

from narration.voices.base import RATE, Samples

BITRATE = 48
FRAME = 576  # samples
FRAME_BYTES = 144
#: Seconds a decoder plays before the first sample: 576 of the encoder, 529 of the decoder.
DELAY = 1105 / RATE
PEAKS_A_SECOND = 20


def mp3(audio: Samples, quality: int = 5) -> bytes:
    """float32 mono at RATE -> mp3.

    Args:
        audio: samples within -1 … 1.
        quality: LAME's, 2 best to 7 fastest.
    """
    encoder = lameenc.Encoder()
    encoder.set_bit_rate(BITRATE)
    encoder.set_in_sample_rate(RATE)
    encoder.set_out_sample_rate(RATE)
    encoder.set_channels(1)
    encoder.set_quality(quality)
    encoder.silence()
    samples = (np.clip(audio, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()
    return bytes(encoder.encode(samples)) + bytes(encoder.flush())


def mp3_duration(data: bytes) -> float:
    """Seconds of an mp3 made here, as a decoder plays it."""
    return len(data) // FRAME_BYTES * FRAME / RATE


def peaks(audio: Samples) -> list[float]:
    """The loudest sample of each twentieth of a second, 0 … 1, two decimals: the waveform."""
    step = RATE // PEAKS_A_SECOND
    padded = np.pad(np.abs(audio), (0, -len(audio) % step))
    return [round(float(value), 2) for value in padded.reshape(-1, step).max(axis=1)]
