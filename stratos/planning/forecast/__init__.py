"""What a model would cost, how long it would take and what it would reach, by formulas."""
