"""The training loop: optimizer, checkpoints, the student's own completions, rewards."""
