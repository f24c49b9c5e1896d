"""The parts of the stack: nouns that hold resources and grant nothing."""
