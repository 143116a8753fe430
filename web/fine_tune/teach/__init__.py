"""The language model's lessons: a run, recorded or live, its answers side by side, and the way home."""
