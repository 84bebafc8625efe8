"""Training HaMeR, or a smaller network in its place: hands from disk, augmentation, mixing, steps, checkpoints."""
