"""Questions put to a model, and the answers that are kept."""
