"""The vocabulary and the decisions: what every other package speaks, and what none of them decides."""
