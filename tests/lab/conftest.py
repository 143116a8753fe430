"""What the tests of the lab share with the library's: every device there is, one source of randomness."""

from tests.lora_core.conftest import DEVICES, _one_thread, device, generator

__all__ = ["DEVICES", "_one_thread", "device", "generator"]
