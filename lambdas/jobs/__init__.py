"""The training jobs of a run: their requests, their retries, and what the run has spent."""
