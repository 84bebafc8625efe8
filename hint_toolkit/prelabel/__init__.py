"""Detectors: a frame in, hands with confidence out."""
