"""Models as they are read and asked: weights, tokenizers, templates, generation."""
