"""Step Functions, where moto gives a wrong value or does nothing."""
