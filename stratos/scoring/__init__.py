"""How answers are judged: one implementation for every job and every measurement."""
