"""The endpoint of a spec: deployments, turns at it, and what is taken back."""
