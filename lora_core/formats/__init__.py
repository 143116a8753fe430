"""Adapter files of other programs: Hugging Face PEFT's. No torch here."""
