"""Experiments: each claim of the source, run again here, with its verdict; any of them can be run live."""

from web.experiments.page import experiments

experiments()
