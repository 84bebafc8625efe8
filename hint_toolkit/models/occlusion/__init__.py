"""Which joints are probably hidden: a small network on a hand's picture and its predicted points, and further cues."""
