"""boto3, and nothing above it: a module for each service, each kind of file, each kind of name."""
