"""What is in an adapter's files, and what is worth knowing about it. No torch here."""

from lora_core.inspection.reading import inspect
from lora_core.inspection.report import Finding, Layer, Report

__all__ = ["Finding", "Layer", "Report", "inspect"]
