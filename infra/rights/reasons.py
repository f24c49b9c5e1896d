"""Why each action is granted, for the reviewer's page.

An action has one reason wherever it means the same; where it does not, a role has its own. A test
holds both to the template: no grant without a reason, no reason without a grant.
"""

from __future__ import annotations

from collections.abc import Mapping

_SAGEMAKER_JOINS = "SageMaker puts the container into the subnets that are given"
_PULLS = "The container's image comes from AWS's registry"
_DELIVERS = "Step Functions writes its log by a delivery that it sets up itself"
_LEARNS = "Step Functions hears by a rule of its own that a job has ended"
_OWN_LOG = "It writes its own log"
_TRACES = "It is traced by X-Ray"
_ENDS_SCALING = "Nothing scales an endpoint that is updated, put back or deleted"
_SCALING_ALARMS = "Alarms of an update or of a scaling policy come and go with it"
_DECIDES = "The model's version in the registry is approved, rejected or told what was measured"
_WORKFLOW_CREATES = "A run's jobs, models and endpoints are made by its states"
_ENDS_WHAT_IS_LEFT = "What belongs to no run any more is ended, so that nobody pays for it"
_ROUTES = "It looks at what is in service: its kind, its instances and its component"
_FOUND_BY_NAME = "A run's jobs and batches are found by its id, which is in their names"
_ANSWERS = "A model that waits for a person is approved or rejected"
_GIVES_PLACES = "A run that has got a place among those that work goes on"
_BY_TAGS = "It knows its own things by their tags, so it reads those of others, too"
_TELLS_HOME = "Home hears what became of its job or endpoint of this region"
_STAGED = "Tags say how far an endpoint of several regions has come, and until when it stays"
_COPIES_TAGS = "A copy has the tags of the original, by which records expire"
_ROLES_END = "A run's roles go with what runs under them"
_LISTS_OWN = "What is read from the bucket is all that lies under a prefix"
_TELLS_MLFLOW = (
    "A training is told to SageMaker's managed MLflow where the spec names one that its owner has "
    "tagged for the stack"
)
_ENCRYPTED = "Everything that is stored is encrypted by the stack's key"

REASONS: Mapping[str, str] = {
    "application-autoscaling:DeregisterScalableTarget": _ENDS_SCALING,
    "application-autoscaling:PutScalingPolicy": "The model in service is scaled as its spec says",
    "application-autoscaling:RegisterScalableTarget": (
        "The bounds of a model's scaling are set as its spec says"
    ),
    "bedrock:CreateModelInvocationJob": "A teacher on Bedrock is asked in a batch, at half price",
    "bedrock:GetModelInvocationJob": "The job waits for its batch",
    "bedrock:InvokeModel": "A teacher on Bedrock is asked",
    "bedrock:StopModelInvocationJob": "A job that ends early ends its batch",
    "bedrock:TagResource": "A batch carries the tag of its stack",
    "cloudformation:DescribeStacks": "The command line finds table and key by the stack's outputs",
    "cloudwatch:DeleteAlarms": _SCALING_ALARMS,
    "cloudwatch:DescribeAlarms": _SCALING_ALARMS,
    "cloudwatch:PutMetricAlarm": _SCALING_ALARMS,
    "cloudwatch:PutMetricData": "SageMaker writes the container's metrics",
    "dynamodb:GetItem": "It reads a run's row, which also says who has the turn at an endpoint",
    "dynamodb:PutItem": "A run is claimed once, by its row",
    "dynamodb:Query": "It looks for other runs of the spec, or for the run of an execution",
    "dynamodb:Scan": (
        "All runs are looked through, to find whose a thing is or which run waits for an answer"
    ),
    "dynamodb:UpdateItem": "It writes what has become of the run, or takes a turn",
    "ec2:CreateNetworkInterface": _SAGEMAKER_JOINS,
    "ec2:CreateNetworkInterfacePermission": _SAGEMAKER_JOINS,
    "ec2:DeleteNetworkInterface": _SAGEMAKER_JOINS,
    "ec2:DeleteNetworkInterfacePermission": _SAGEMAKER_JOINS,
    "ec2:DescribeDhcpOptions": _SAGEMAKER_JOINS,
    "ec2:DescribeNetworkInterfaces": _SAGEMAKER_JOINS,
    "ec2:DescribeSecurityGroups": _SAGEMAKER_JOINS,
    "ec2:DescribeSubnets": _SAGEMAKER_JOINS,
    "ec2:DescribeVpcs": _SAGEMAKER_JOINS,
    "ecr:BatchCheckLayerAvailability": _PULLS,
    "ecr:BatchGetImage": _PULLS,
    "ecr:GetAuthorizationToken": _PULLS,
    "ecr:GetDownloadUrlForLayer": _PULLS,
    "events:DescribeRule": _LEARNS,
    "events:PutRule": _LEARNS,
    "events:PutTargets": _LEARNS,
    "iam:AttachRolePolicy": "A run's roles get the policies of the template, and no others",
    "iam:CreateRole": "Each run has roles of its own, so that it reaches nothing of another's",
    "iam:CreateServiceLinkedRole": "Application Auto Scaling makes its role on first use",
    "iam:DeleteRole": _ROLES_END,
    "iam:DetachRolePolicy": _ROLES_END,
    "iam:ListAttachedRolePolicies": _ROLES_END,
    "iam:ListRoles": _ENDS_WHAT_IS_LEFT,
    "iam:PassRole": "What it creates runs under the role, which is handed to that service alone",
    "iam:TagRole": "By its tags a run's role reaches the run's own prefixes",
    "kms:Decrypt": _ENCRYPTED,
    "kms:DescribeKey": _ENCRYPTED,
    "kms:GenerateDataKey": _ENCRYPTED,
    "lambda:InvokeFunction": "States call their functions",
    "logs:CreateLogDelivery": _DELIVERS,
    "logs:CreateLogGroup": "SageMaker makes the container's log group itself",
    "logs:CreateLogStream": _OWN_LOG,
    "logs:DeleteLogDelivery": _DELIVERS,
    "logs:DescribeLogGroups": _DELIVERS,
    "logs:DescribeLogStreams": _OWN_LOG,
    "logs:DescribeResourcePolicies": _DELIVERS,
    "logs:FilterLogEvents": "Why requests fail is read from the container's log",
    "logs:GetLogDelivery": _DELIVERS,
    "logs:ListLogDeliveries": _DELIVERS,
    "logs:PutLogEvents": _OWN_LOG,
    "logs:PutResourcePolicy": _DELIVERS,
    "logs:UpdateLogDelivery": _DELIVERS,
    "s3:AbortMultipartUpload": "An upload in parts that fails is not left behind",
    "s3:DeleteObject": (
        "A job reads all that lies in a folder: a copy of what is there no more at home goes"
    ),
    "s3:GetObject": "It reads its input",
    "s3:GetObjectTagging": _COPIES_TAGS,
    "s3:GetObjectVersion": "A run reads the version of the spec that started it",
    "s3:GetObjectVersionTagging": _COPIES_TAGS,
    "s3:ListMultipartUploadParts": "A copy in parts goes on where the last call ended",
    "s3:ListBucket": "Without it a missing key is answered by 403 instead of 404",
    "s3:PutObject": "It writes its outcome",
    "s3:PutObjectTagging": "S3 deletes records after their time, and knows them by a tag",
    "sagemaker-mlflow:CreateExperiment": _TELLS_MLFLOW,
    "sagemaker-mlflow:CreateRun": _TELLS_MLFLOW,
    "sagemaker-mlflow:LogBatch": _TELLS_MLFLOW,
    "sagemaker-mlflow:SearchExperiments": _TELLS_MLFLOW,
    "sagemaker-mlflow:SearchRuns": _TELLS_MLFLOW,
    "sagemaker-mlflow:UpdateRun": _TELLS_MLFLOW,
    "sagemaker:AddTags": "What a run makes carries the tags of run and stack",
    "sagemaker:CallMlflowAppApi": _TELLS_MLFLOW,
    "sagemaker:CreateEndpoint": _WORKFLOW_CREATES,
    "sagemaker:CreateEndpointConfig": _WORKFLOW_CREATES,
    "sagemaker:CreateInferenceComponent": _WORKFLOW_CREATES,
    "sagemaker:CreateModel": _WORKFLOW_CREATES,
    "sagemaker:CreateModelPackage": "Each distilled model gets its version in the registry",
    "sagemaker:CreateTrainingJob": _WORKFLOW_CREATES,
    "sagemaker:CreateTransformJob": _WORKFLOW_CREATES,
    "sagemaker:DeleteEndpoint": "An endpoint ends with its time, its owner, or its failure",
    "sagemaker:DeleteEndpointConfig": _ENDS_WHAT_IS_LEFT,
    "sagemaker:DeleteInferenceComponent": _ENDS_WHAT_IS_LEFT,
    "sagemaker:DeleteModel": _ENDS_WHAT_IS_LEFT,
    "sagemaker:DescribeEndpoint": _ROUTES,
    "sagemaker:DescribeEndpointConfig": _ROUTES,
    "sagemaker:DescribeInferenceComponent": _ROUTES,
    "sagemaker:DescribeModel": "What an endpoint may load again is kept: S3 deletes old copies",
    "sagemaker:DescribeModelPackage": _DECIDES,
    "sagemaker:DescribeTrainingJob": "It waits for jobs, diagnoses them, or counts what they cost",
    "sagemaker:DescribeTransformJob": "It waits for batches, or counts what they cost",
    "sagemaker:InvokeEndpoint": "The endpoint is asked under the load that the spec declares",
    "sagemaker:InvokeEndpointAsync": (
        "An endpoint behind a queue is asked under the load that the spec declares"
    ),
    "sagemaker:ListEndpointConfigs": _ENDS_WHAT_IS_LEFT,
    "sagemaker:ListEndpoints": _ENDS_WHAT_IS_LEFT,
    "sagemaker:ListInferenceComponents": _ENDS_WHAT_IS_LEFT,
    "sagemaker:ListModelPackages": "Versions of a run that failed are found, to reject them",
    "sagemaker:ListModels": _ENDS_WHAT_IS_LEFT,
    "sagemaker:ListTags": "Step Functions looks at the tags of what it makes",
    "sagemaker:ListTrainingJobs": _FOUND_BY_NAME,
    "sagemaker:ListTransformJobs": _FOUND_BY_NAME,
    "sagemaker:StopTrainingJob": _ENDS_WHAT_IS_LEFT,
    "sagemaker:StopTransformJob": _ENDS_WHAT_IS_LEFT,
    "sagemaker:UpdateEndpoint": "A new model takes an endpoint over, and a former one is put back",
    "sagemaker:UpdateEndpointWeightsAndCapacities": (
        "Application Auto Scaling asks with the rights of whoever sets the scaling"
    ),
    "sagemaker:UpdateInferenceComponent": (
        "A new model takes a component over, and a former one is put back"
    ),
    "sagemaker:UpdateInferenceComponentRuntimeConfig": "Copies of a model are woken and scaled",
    "sagemaker:UpdateModelPackage": _DECIDES,
    "scheduler:CreateSchedule": "Reruns and the ends of endpoints are schedules",
    "scheduler:DeleteSchedule": "A schedule goes with what it is for",
    "scheduler:GetSchedule": "A schedule that is right already is left alone",
    "scheduler:ListSchedules": _ENDS_WHAT_IS_LEFT,
    "scheduler:UpdateSchedule": "Reruns and the ends of endpoints are schedules",
    "secretsmanager:DescribeSecret": "A secret's tag says which hosts it may be sent to",
    "secretsmanager:GetSecretValue": (
        "A teacher of another provider is asked with a key, and a gated model of the Hub read with "
        "a token; both are kept as secrets"
    ),
    "servicequotas:ListServiceQuotas": "A plan keeps to what the account may use in each region",
    "sns:Publish": "People are told of an outcome, or asked for an answer",
    "sqs:SendMessage": "An event that failed every time is kept",
    "states:DescribeExecution": "The execution says whether its run, or its job, goes on",
    "states:GetExecutionHistory": "A run's history says where its time went",
    "states:SendTaskFailure": _ANSWERS,
    "states:SendTaskHeartbeat": "Home hears that its job or endpoint of this region goes on",
    "states:SendTaskSuccess": _ANSWERS,
    "states:StartExecution": "A spec, or a rerun of it, starts a run",
    "states:StopExecution": _ENDS_WHAT_IS_LEFT,
    "xray:PutTelemetryRecords": _TRACES,
    "xray:PutTraceSegments": _TRACES,
}

OF_ROLES: Mapping[tuple[str, str], str] = {
    ("FunctionsTellWebhooksRole", "secretsmanager:GetSecretValue"): (
        "Whoever knows a webhook's address can post to it, so the addresses are a secret"
    ),
    ("FunctionsSweepRole", "lambda:InvokeFunction"): "CleanUp takes back what a run left",
    ("SchedulesRole", "lambda:InvokeFunction"): (
        "An endpoint with a component takes more than one call to delete, which the sweeper makes"
    ),
    ("FunctionsSweepRole", "sagemaker:ListTags"): _BY_TAGS,
    ("FunctionsSweepRegionRole", "sagemaker:ListTags"): _BY_TAGS,
    ("FunctionsPromoteRegionsRole", "sagemaker:ListTags"): (
        "Tags say until when an endpoint is let alone that nobody asks yet"
    ),
    ("FunctionsPromoteRegionsRole", "sagemaker:AddTags"): _STAGED,
    ("FunctionsSweepRegionRole", "sagemaker:AddTags"): _STAGED,
    ("FunctionsHandOverEndpointRole", "states:StartExecution"): (
        "An endpoint of another region is made by that region's state machine"
    ),
    **{
        (f"Functions{function}Role", "states:SendTaskSuccess"): _GIVES_PLACES
        for function in ("AwaitPlace", "Report", "CleanUp", "Sweep")
    },
    ("FunctionsMeasureRegionRole", "states:SendTaskSuccess"): _TELLS_HOME,
    ("FunctionsHandOverRole", "states:StartExecution"): (
        "A job of another region is an execution of that region's state machine"
    ),
    ("FunctionsBringHomeRole", "states:SendTaskFailure"): _TELLS_HOME,
    ("FunctionsBringHomeRole", "states:SendTaskSuccess"): _TELLS_HOME,
    ("FunctionsGiveUpRole", "states:SendTaskFailure"): _TELLS_HOME,
    ("RunRolesJobs", "s3:ListBucket"): _LISTS_OWN,
    ("RunRolesModels", "s3:ListBucket"): _LISTS_OWN,
    ("WorkflowRole", "s3:GetObject"): "A Distributed Map reads the jobs that share a step",
    ("WorkflowRole", "states:StartExecution"): (
        "Each job that shares a step has an execution of the same machine"
    ),
    ("WorkflowRole", "states:DescribeExecution"): (
        "Step Functions looks at the executions of such jobs"
    ),
    ("FunctionsCleanUpRole", "sagemaker:CreateEndpoint"): (
        "A failed endpoint is made anew, of the model that it had"
    ),
}
"""By role, as the template names it without its hash, and action."""

_TLS = "Nobody gets in without TLS"
OF_RESOURCES: Mapping[tuple[str, str], str] = {
    ("AWS::KMS::Key", "iam::ACCOUNT:root"): (
        "IAM policies of the account say who uses the key, and its administrators look after it"
    ),
    ("AWS::KMS::Key", "logs.REGION.amazonaws.com"): "CloudWatch Logs encrypts the log groups",
    (
        "AWS::KMS::Key",
        "cloudwatch.amazonaws.com, events.amazonaws.com, scheduler.amazonaws.com",
    ): "They write to the topic and the queue, which the key encrypts",
    ("AWS::S3::BucketPolicy", "anybody"): _TLS,
    ("AWS::SNS::TopicPolicy", "anybody"): _TLS,
    ("AWS::SNS::TopicPolicy", "cloudwatch.amazonaws.com"): "Alarms are told to people",
    ("AWS::SQS::QueuePolicy", "anybody"): _TLS,
    ("AWS::SQS::QueuePolicy", "events.amazonaws.com"): (
        "Events that a rule could not deliver are kept"
    ),
    ("AWS::Lambda::Permission", "events.amazonaws.com"): "A rule calls the function",
    ("AWS::Lambda::Permission", "sns.amazonaws.com"): (
        "The topic calls the function that posts to webhooks, once it is subscribed"
    ),
}
"""By type of the resource that holds a policy, and who the statement is about."""
