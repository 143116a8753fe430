"""`python -m lora_core` is the command `pradit`."""

import sys

from lora_core.cli import main

if __name__ == "__main__":
    sys.exit(main())
