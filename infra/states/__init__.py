"""The state machine: its states, and how they follow each other."""
