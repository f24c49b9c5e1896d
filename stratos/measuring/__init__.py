"""Endpoints and batches, measured and checked against the spec."""
