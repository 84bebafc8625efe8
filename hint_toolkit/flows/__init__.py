"""What a command does: rooms below, put in order."""
