"""What counts as a right answer and as a sound rationale."""
