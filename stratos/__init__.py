"""The vocabulary and the decisions, which every other package speaks and none makes."""
