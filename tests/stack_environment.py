"""What the stack tells its functions, for functions that run in a test."""

from __future__ import annotations


def stack_environment(bucket: str, region: str) -> dict[str, str]:
    """The variables of a function, of its AWS account, and of its region."""
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "POWERTOOLS_METRICS_NAMESPACE": "Stratos",
        "POWERTOOLS_SERVICE_NAME": "stratos",
        "STACK_NAME": "Stratos",
        "RUNS_TABLE": "stratos-runs",
        "SOURCE_URI": f"s3://{bucket}/source.tar.gz",
        "PACKAGES_URI": f"s3://{bucket}/packages.tar.gz",
        "TOPIC_ARN": f"arn:aws:sns:{region}:123456789012:stratos",
        "MODEL_PACKAGE_GROUP": "stratos",
        "SCHEDULE_GROUP": "stratos",
        "SCHEDULER_ROLE_ARN": "arn:aws:iam::123456789012:role/scheduler",
        "STATE_MACHINE_ARN": f"arn:aws:states:{region}:123456789012:stateMachine:stratos",
        "KMS_KEY_ARN": f"arn:aws:kms:{region}:123456789012:key/k",
        "SEVERAL_INSTANCE_TYPES": "true",
        "BEDROCK_ROLE_ARN": "arn:aws:iam::123456789012:role/batches",
        "JOB_POLICIES": "arn:aws:iam::123456789012:policy/jobs",
        "MODEL_POLICIES": "arn:aws:iam::123456789012:policy/models",
        "MAX_CONCURRENT_RUNS": "10",
        "MAX_CONCURRENT_RUNS_PER_SPEC": "1",
        "DEFAULT_MAX_BUDGET_USD": "0",
    }
