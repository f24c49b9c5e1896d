"""A run as a whole: what its states pass on, how it ended, what it teaches."""
