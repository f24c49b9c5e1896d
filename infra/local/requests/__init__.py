"""What every AWS API refuses of a request before the service looks at it."""
