"""Scoring rules written a second time, as plain loops, by reading the sources' description and not our code."""
