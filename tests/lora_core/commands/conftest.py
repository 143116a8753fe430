"""The installed language model, for the tests of this folder."""

from tests.lora_core.language.smollm2 import smollm2 as smollm2
