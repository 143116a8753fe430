"""Serving: one base, many adapters, requests for different adapters in one batch."""

from web.serving.page import serving

serving()
