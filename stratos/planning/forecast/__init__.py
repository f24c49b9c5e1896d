"""What a model would cost, take and reach, as formulas over arrays of servers."""
