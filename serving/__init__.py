"""What runs behind an endpoint: SageMaker's container contract and the OpenAI chat schema."""
