"""A student made ready for each engine: GGUF for llama.cpp, and what all engines read."""
