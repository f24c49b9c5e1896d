"""A run as a whole: what its states hand on, what it came to, what it teaches."""
