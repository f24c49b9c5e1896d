"""What survives a restart of the embedded cloud."""
