"""What a step is decided on, gathered from the bucket and the account."""
