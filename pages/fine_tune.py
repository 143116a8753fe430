"""Fine-tune: choose an experiment, train it beside full fine-tuning, compare, take the adapter home."""

from web.fine_tune.page import fine_tune

fine_tune()
