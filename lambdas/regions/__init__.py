"""Jobs in other regions: what is copied there and back, and what both sides tell each other."""
