"""The voices: one protocol, several engines."""

from narration.voices.base import RATE, Speech, Timing, Voice, VoiceError

__all__ = ["RATE", "Speech", "Timing", "Voice", "VoiceError"]
