"""Figures for Prometheus: what the processes say of themselves, the state of the bus, the quality of the tags."""
