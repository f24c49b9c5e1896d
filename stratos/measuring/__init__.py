"""An endpoint or a batch, measured and held against the spec."""
