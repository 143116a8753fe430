"""Text to speech: sentences -> spoken form -> voice -> audio with the time of each word.

The web server asks `narration.service.service()`, which keeps the voices in a process of their own;
importing this package loads no voice.
"""

from narration.spoken import SpokenForm, Word, spoken_form

__all__ = ["SpokenForm", "Word", "spoken_form"]
