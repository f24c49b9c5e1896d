"""EventBridge: rules, their targets, and the clock that fires schedules."""
