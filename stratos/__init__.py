"""The vocabulary and the decisions that every other package builds on."""
