"""SageMaker: jobs and endpoints as real processes under its container contract."""
