"""The training jobs of a run: what is asked for, what follows a failure, what was spent."""
