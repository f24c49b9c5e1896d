"""The planner: the exact Pareto-optimal choice of servers, teacher, student and method."""
