"""Adapters: one module for each AWS service that a step talks to, and nothing else."""
