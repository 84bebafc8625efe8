"""Which frames to take: seeded plans."""
