"""Endpoints, inference components, and the requests to them."""
