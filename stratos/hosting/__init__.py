"""How a model is put behind an endpoint or a batch, and what that costs."""
