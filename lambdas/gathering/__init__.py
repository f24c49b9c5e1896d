"""What a step decides on, read from the bucket and the account."""
