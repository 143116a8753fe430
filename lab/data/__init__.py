"""Where the vendored data and the trained checkpoints lie."""

from pathlib import Path

DATA = Path(__file__).parent
CHECKPOINTS = DATA / "checkpoints"
