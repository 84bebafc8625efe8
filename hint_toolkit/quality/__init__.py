"""What is wrong with labels, and scripted annotators to measure it by."""
