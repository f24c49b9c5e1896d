"""What is deployed: the CDK app, and the embedded cloud that runs the same template."""
