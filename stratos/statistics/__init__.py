"""How sure a measured share is, and whether two of them differ."""
