"""Contract of the CloudFormation seam: stacks on a real server, and what the APIs say of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from assembly import ROLE
from botocore.exceptions import ClientError
from moto.cloudformation import parsing
from moto.s3.models import s3_backends
from moto_cloud import Cloud, running_cloud

from infra.local.cloudformation.stacks import CloudFormation
from infra.local.host.settings import ACCOUNT_ID, LocalSettings
from infra.local.stepfunctions.executions import StepFunctions

Resources = Mapping[str, Any]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    seams = (CloudFormation(), StepFunctions())
    with running_cloud(tmp_path_factory.mktemp("cloud"), *seams) as running:
        yield running


class Stack:
    """One stack of a test, created and updated from resources alone."""

    def __init__(self, cloud: Cloud, name: str) -> None:
        self._cloudformation = cloud("cloudformation")
        self.name = name

    def create(self, resources: Resources, **outputs: Any) -> dict[str, str]:
        return self._apply(self._cloudformation.create_stack, resources, outputs)

    def update(self, resources: Resources, **outputs: Any) -> dict[str, str]:
        return self._apply(self._cloudformation.update_stack, resources, outputs)

    def delete(self) -> None:
        self._cloudformation.delete_stack(StackName=self.name)

    def status(self) -> str:
        return self._describe()["StackStatus"]

    def _describe(self) -> Any:
        return self._cloudformation.describe_stacks(StackName=self.name)["Stacks"][0]

    def _apply(self, action: Any, resources: Resources, outputs: Any) -> dict[str, str]:
        template = {
            "Resources": resources,
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
        action(StackName=self.name, TemplateBody=json.dumps(template))
        described = self._describe().get("Outputs", [])
        return {item["OutputKey"]: item["OutputValue"] for item in described}


@pytest.fixture
def stack(cloud: Cloud, request: pytest.FixtureRequest) -> Iterator[Stack]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40]
    running = Stack(cloud, name)
    yield running
    running.delete()


def ref(name: str) -> dict[str, str]:
    return {"Ref": name}


def arn(name: str) -> dict[str, list[str]]:
    return {"Fn::GetAtt": [name, "Arn"]}


def notifies_event_bridge(bucket: str) -> bool:
    """Read from moto's backend: its API leaves this part of the configuration out."""
    configuration = s3_backends[ACCOUNT_ID]["aws"].buckets[bucket].notification_configuration
    return configuration is not None and configuration.event_bridge is not None


POLICY = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
}


def test_a_type_that_nobody_handles_is_an_error_that_names_it(stack: Stack) -> None:
    with pytest.raises(ClientError, match="AWS::Pipes::Pipe is not supported"):
        stack.create({"Pipe": {"Type": "AWS::Pipes::Pipe", "Properties": {}}})
    stack.delete()
    with pytest.raises(ClientError, match="Custom::Thing is not supported"):
        stack.create({"Thing": {"Type": "Custom::Thing", "Properties": {}}})


def test_a_resource_that_fails_is_named_with_the_services_message(stack: Stack) -> None:
    policy = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "nowhere", "PolicyDocument": POLICY},
    }
    with pytest.raises(ClientError, match=r"Policy \(AWS::S3::BucketPolicy\): .*NoSuchBucket"):
        stack.create({"Policy": policy})
    assert stack.status() == "CREATE_FAILED"


def test_a_bucket_gets_every_property_the_api_has_for_it(cloud: Cloud, stack: Stack) -> None:
    properties = {
        "VersioningConfiguration": {"Status": "Enabled"},
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
            ]
        },
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": True,
            "BlockPublicPolicy": True,
            "IgnorePublicAcls": True,
            "RestrictPublicBuckets": True,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
        "LifecycleConfiguration": {
            "Rules": [
                {
                    "Id": "scratch",
                    "Status": "Enabled",
                    "Prefix": "tmp/",
                    "ExpirationInDays": 7,
                    "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                    "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                }
            ]
        },
        "NotificationConfiguration": {"EventBridgeConfiguration": {"EventBridgeEnabled": True}},
        "Tags": [{"Key": "team", "Value": "stratos"}],
    }
    resources = {"Data": {"Type": "AWS::S3::Bucket", "Properties": properties}}
    name = stack.create(resources, Name=ref("Data"))["Name"]
    s3 = cloud("s3")
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert notifies_event_bridge(name)
    rule = s3.get_bucket_lifecycle_configuration(Bucket=name)["Rules"][0]
    assert (rule["ID"], rule["Filter"], rule["Expiration"]) == (
        "scratch",
        {"Prefix": "tmp/"},
        {"Days": 7},
    )
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"][
        "BlockPublicPolicy"
    ]
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    del properties["NotificationConfiguration"]
    assert stack.update(resources, Name=ref("Data"))["Name"] == name
    assert not notifies_event_bridge(name)


def test_a_table_gets_its_expiry_and_backups_and_keeps_its_items(
    cloud: Cloud, stack: Stack
) -> None:
    properties: dict[str, Any] = {
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "BillingMode": "PAY_PER_REQUEST",
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
    }
    resources = {"Runs": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}
    name = stack.create(resources, Name=ref("Runs"))["Name"]
    dynamodb = cloud("dynamodb")
    ttl = dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
    assert ttl == {"TimeToLiveStatus": "ENABLED", "AttributeName": "expires"}
    dynamodb.put_item(TableName=name, Item={"id": {"S": "r"}})

    properties["AttributeDefinitions"].append({"AttributeName": "owner", "AttributeType": "S"})
    properties["GlobalSecondaryIndexes"] = [
        {
            "IndexName": "by-owner",
            "KeySchema": [{"AttributeName": "owner", "KeyType": "HASH"}],
            "Projection": {"ProjectionType": "ALL"},
        }
    ]
    assert stack.update(resources, Name=ref("Runs"))["Name"] == name
    indexes = dynamodb.describe_table(TableName=name)["Table"]["GlobalSecondaryIndexes"]
    assert [index["IndexName"] for index in indexes] == ["by-owner"]
    assert dynamodb.scan(TableName=name)["Count"] == 1

    properties["KeySchema"] = [{"AttributeName": "other", "KeyType": "HASH"}]
    properties["AttributeDefinitions"].append({"AttributeName": "other", "AttributeType": "S"})
    with pytest.raises(ClientError, match="KeySchema would replace it and lose"):
        stack.update(resources)
    assert dynamodb.scan(TableName=name)["Count"] == 1


def test_an_alarm_a_dashboard_a_log_group_and_a_parameter(cloud: Cloud, stack: Stack) -> None:
    alarm: dict[str, Any] = {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "EvaluationPeriods": 1,
        "MetricName": "ExecutionsFailed",
        "Namespace": "AWS/States",
        "Period": 300,
        "Statistic": "Sum",
        "Threshold": 1,
        "AlarmActions": [ref("News")],
        "TreatMissingData": "notBreaching",
    }
    resources: dict[str, Any] = {
        "News": {"Type": "AWS::SNS::Topic"},
        "Failed": {"Type": "AWS::CloudWatch::Alarm", "Properties": alarm},
        "Board": {
            "Type": "AWS::CloudWatch::Dashboard",
            "Properties": {"DashboardName": "board", "DashboardBody": '{"widgets": []}'},
        },
        "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"RetentionInDays": 30}},
        "Home": {
            "Type": "AWS::SSM::Parameter",
            "Properties": {"Name": "/home", "Type": "String", "Value": ref("News")},
        },
    }
    made = stack.create(
        resources, Alarm=ref("Failed"), AlarmArn=arn("Failed"), Logs=ref("Logs"), News=ref("News")
    )
    cloudwatch = cloud("cloudwatch")
    described = cloudwatch.describe_alarms(AlarmNames=[made["Alarm"]])["MetricAlarms"][0]
    assert described["AlarmActions"] == [made["News"]]
    assert (described["AlarmArn"], described["Threshold"]) == (made["AlarmArn"], 1.0)
    assert json.loads(cloudwatch.get_dashboard(DashboardName="board")["DashboardBody"])
    group = cloud("logs").describe_log_groups(logGroupNamePrefix=made["Logs"])["logGroups"][0]
    assert group["retentionInDays"] == 30
    assert cloud("ssm").get_parameter(Name="/home")["Parameter"]["Value"] == made["News"]

    alarm["Threshold"] = 5
    resources["Home"]["Properties"]["Value"] = "moved"
    del resources["Board"]
    stack.update(resources)
    described = cloudwatch.describe_alarms(AlarmNames=[made["Alarm"]])["MetricAlarms"][0]
    assert described["Threshold"] == 5.0
    assert cloud("ssm").get_parameter(Name="/home")["Parameter"]["Value"] == "moved"
    assert cloudwatch.list_dashboards()["DashboardEntries"] == []
    stack.delete()
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []


def test_topics_queues_their_policies_and_subscriptions(cloud: Cloud, stack: Stack) -> None:
    policy = {"PolicyDocument": POLICY}
    resources: dict[str, Any] = {
        "News": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "News"}},
        "Dead": {"Type": "AWS::SQS::Queue", "Properties": {"MessageRetentionPeriod": 1209600}},
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Properties": {
                "VisibilityTimeout": 60,
                "RedrivePolicy": {"deadLetterTargetArn": arn("Dead"), "maxReceiveCount": 3},
            },
        },
        "NewsPolicy": {
            "Type": "AWS::SNS::TopicPolicy",
            "Properties": {"Topics": [ref("News")], **policy},
        },
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {"Queues": [ref("Queue")], **policy},
        },
        "Reader": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "Protocol": "sqs",
                "TopicArn": ref("News"),
                "Endpoint": arn("Queue"),
                "RawMessageDelivery": True,
            },
        },
    }
    made = stack.create(resources, News=ref("News"), Queue=ref("Queue"), Arn=arn("Queue"))
    cloud("sns").publish(TopicArn=made["News"], Message='{"raw": 1}')
    assert cloud.receive(made["Queue"])["Body"] == {"raw": 1}
    attributes = cloud("sqs").get_queue_attributes(QueueUrl=made["Queue"], AttributeNames=["All"])[
        "Attributes"
    ]
    assert (attributes["VisibilityTimeout"], attributes["QueueArn"]) == ("60", made["Arn"])
    assert json.loads(attributes["Policy"]) == POLICY
    topic = cloud("sns").get_topic_attributes(TopicArn=made["News"])["Attributes"]
    assert (topic["DisplayName"], json.loads(topic["Policy"])) == ("News", POLICY)

    resources["Queue"]["Properties"]["VisibilityTimeout"] = 90
    resources["News"]["Properties"]["DisplayName"] = "Old news"
    del resources["Reader"]
    assert stack.update(resources, News=ref("News"))["News"] == made["News"]
    assert cloud("sns").list_subscriptions()["Subscriptions"] == []


def test_roles_and_policies_follow_their_update(cloud: Cloud, stack: Stack) -> None:
    managed = {"Fn::Sub": "arn:${AWS::Partition}:iam::aws:policy/service-role/Basic"}
    resources: dict[str, Any] = {
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                **ROLE["Properties"],
                "ManagedPolicyArns": [managed],
                "Policies": [{"PolicyName": "own", "PolicyDocument": POLICY}],
            },
        },
        "Extra": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "extra",
                "PolicyDocument": POLICY,
                "Roles": [ref("Role")],
            },
        },
    }
    role = stack.create(resources, Role=ref("Role"))["Role"]
    iam = cloud("iam")
    assert sorted(iam.list_role_policies(RoleName=role)["PolicyNames"]) == ["extra", "own"]
    wider = {**POLICY, "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    resources["Extra"]["Properties"]["PolicyDocument"] = wider
    resources["Role"]["Properties"]["Policies"] = []
    stack.update(resources)
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["extra"]
    assert iam.get_role_policy(RoleName=role, PolicyName="extra")["PolicyDocument"] == wider
    stack.delete()
    assert role not in {item["RoleName"] for item in iam.list_roles()["Roles"]}


def test_schedules_keys_secrets_and_model_package_groups(cloud: Cloud, stack: Stack) -> None:
    schedule = {
        "GroupName": ref("Group"),
        "FlexibleTimeWindow": {"Mode": "OFF"},
        "ScheduleExpression": "rate(7 days)",
        "State": "DISABLED",
        "Target": {"Arn": arn("Role"), "RoleArn": arn("Role"), "Input": "{}"},
    }
    resources: dict[str, Any] = {
        "Role": ROLE,
        "Group": {"Type": "AWS::Scheduler::ScheduleGroup", "Properties": {"Name": "reruns"}},
        "Weekly": {"Type": "AWS::Scheduler::Schedule", "Properties": schedule},
        "Key": {
            "Type": "AWS::KMS::Key",
            "Properties": {"KeyPolicy": POLICY, "EnableKeyRotation": True},
        },
        "Alias": {
            "Type": "AWS::KMS::Alias",
            "Properties": {"AliasName": "alias/stratos", "TargetKeyId": arn("Key")},
        },
        "Students": {
            "Type": "AWS::SageMaker::ModelPackageGroup",
            "Properties": {"ModelPackageGroupName": "students"},
        },
        "Token": {
            "Type": "AWS::SecretsManager::Secret",
            "Properties": {"Name": "token", "SecretString": "s3cret"},
        },
    }
    made = stack.create(resources, Weekly=ref("Weekly"), Key=ref("Key"), Token=ref("Token"))
    found = cloud("scheduler").get_schedule(Name=made["Weekly"], GroupName="reruns")
    assert found["ScheduleExpression"] == "rate(7 days)"
    assert cloud("kms").describe_key(KeyId="alias/stratos")["KeyMetadata"]["KeyId"] == made["Key"]
    assert cloud("kms").get_key_rotation_status(KeyId=made["Key"])["KeyRotationEnabled"]
    value = cloud("secretsmanager").get_secret_value(SecretId=made["Token"])
    assert value["SecretString"] == "s3cret"
    groups = cloud("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"]
    assert [group["ModelPackageGroupName"] for group in groups] == ["students"]
    schedule["ScheduleExpression"] = "rate(1 day)"
    stack.update(resources)
    found = cloud("scheduler").get_schedule(Name=made["Weekly"], GroupName="reruns")
    assert found["ScheduleExpression"] == "rate(1 day)"
    stack.delete()
    assert cloud("scheduler").list_schedules()["Schedules"] == []
    assert cloud("sagemaker").list_model_package_groups()["ModelPackageGroupSummaryList"] == []


def test_a_rule_keeps_the_targets_of_its_template_only(cloud: Cloud, stack: Stack) -> None:
    def target(name: str) -> dict[str, Any]:
        return {"Id": name, "Arn": arn("Queue")}

    rule: dict[str, Any] = {
        "EventPattern": {"source": ["aws.s3"], "detail": {"object": {"key": [{"prefix": "a/"}]}}},
        "Targets": [target("one"), target("two")],
    }
    resources = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Rule": {"Type": "AWS::Events::Rule", "Properties": rule},
    }
    name = stack.create(resources, Name=ref("Rule"))["Name"]
    rule["Targets"] = [target("two"), target("three")]
    rule["State"] = "DISABLED"
    stack.update(resources)
    events = cloud("events")
    targets = events.list_targets_by_rule(Rule=name)["Targets"]
    assert sorted(item["Id"] for item in targets) == ["three", "two"]
    described = events.describe_rule(Name=name)
    assert described["State"] == "DISABLED"
    assert json.loads(described["EventPattern"]) == rule["EventPattern"]


def test_a_function_has_its_versions_alias_permission_and_async_settings(
    cloud: Cloud, stack: Stack
) -> None:
    code: dict[str, Any] = {"ZipFile": "def handler(event, context):\n    return 1\n"}
    properties: dict[str, Any] = {
        "Code": code,
        "Handler": "index.handler",
        "Runtime": "python3.11",
        "Role": arn("Role"),
        "Environment": {"Variables": {"ROLE": ref("Role")}},
        "ReservedConcurrentExecutions": 2,
    }
    resources: dict[str, Any] = {
        "Role": ROLE,
        "Work": {"Type": "AWS::Lambda::Function", "Properties": properties},
        "WorkVersion": {
            "Type": "AWS::Lambda::Version",
            "Properties": {"FunctionName": ref("Work")},
        },
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "FunctionName": ref("Work"),
                "FunctionVersion": {"Fn::GetAtt": ["WorkVersion", "Version"]},
                "Name": "live",
            },
        },
        "Allow": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": arn("Work"),
                "Action": "lambda:InvokeFunction",
                "Principal": "events.amazonaws.com",
            },
        },
        "Async": {
            "Type": "AWS::Lambda::EventInvokeConfig",
            "Properties": {
                "FunctionName": ref("Work"),
                "Qualifier": "$LATEST",
                "MaximumRetryAttempts": 1,
            },
        },
    }
    name = stack.create(resources, Name=ref("Work"))["Name"]
    client = cloud("lambda")
    before = client.get_function(FunctionName=name)
    assert before["Concurrency"]["ReservedConcurrentExecutions"] == 2
    assert client.get_alias(FunctionName=name, Name="live")["FunctionVersion"] == "1"
    settings = client.get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
    assert settings["MaximumRetryAttempts"] == 1
    policy = json.loads(client.get_policy(FunctionName=name)["Policy"])
    assert policy["Statement"][0]["Principal"] == {"Service": "events.amazonaws.com"}

    code["ZipFile"] = "def handler(event, context):\n    return 2\n"
    properties["Environment"] = {"Variables": {"NEW": "1"}}
    properties["Timeout"] = 9
    stack.update(resources)
    after = client.get_function(FunctionName=name)["Configuration"]
    assert after["CodeSha256"] != before["Configuration"]["CodeSha256"]
    assert (after["Timeout"], after["Environment"]["Variables"]) == (9, {"NEW": "1"})
    stack.delete()
    assert client.list_functions()["Functions"] == []


def test_a_state_machine_runs_and_runs_its_update(cloud: Cloud, stack: Stack) -> None:
    definition = {
        "StartAt": "A",
        "States": {"A": {"Type": "Pass", "Result": "${Word}", "End": True}},
    }
    properties: dict[str, Any] = {
        "RoleArn": arn("Role"),
        "DefinitionString": json.dumps(definition),
        "DefinitionSubstitutions": {"Word": "one"},
        "LoggingConfiguration": {
            "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": arn("Logs")}}],
            "IncludeExecutionData": True,
            "Level": "ALL",
        },
    }
    resources: dict[str, Any] = {
        "Role": ROLE,
        "Logs": {"Type": "AWS::Logs::LogGroup"},
        "Flow": {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties},
    }
    flow = stack.create(resources, Flow=ref("Flow"))["Flow"]
    assert cloud.execute(flow, {})["output"] == '"one"'
    properties["DefinitionSubstitutions"] = {"Word": "two"}
    assert stack.update(resources, Flow=ref("Flow"))["Flow"] == flow
    assert cloud.execute(flow, {})["output"] == '"two"'
    described = cloud("stepfunctions").describe_state_machine(stateMachineArn=flow)
    assert described["loggingConfiguration"]["level"] == "ALL"


def test_a_definition_from_a_file_is_checked_like_one_in_the_template(
    cloud: Cloud, stack: Stack
) -> None:
    definition = {"StartAt": "A", "QueryLanguage": "JSONata", "States": {}}
    cloud("s3").create_bucket(Bucket="definitions")
    cloud("s3").put_object(Bucket="definitions", Key="d", Body=json.dumps(definition).encode())
    properties = {
        "RoleArn": arn("Role"),
        "DefinitionS3Location": {"Bucket": "definitions", "Key": "d"},
    }
    machine = {"Type": "AWS::StepFunctions::StateMachine", "Properties": properties}
    with pytest.raises(ClientError, match="JSONata is not supported"):
        stack.create({"Role": ROLE, "Flow": machine})


def test_who_refers_to_a_changed_resource_is_updated_with_it(cloud: Cloud, stack: Stack) -> None:
    parameter = {
        "Type": "AWS::SSM::Parameter",
        "Properties": {
            "Name": "/reference",
            "Type": "String",
            "Value": {"Fn::Join": [":", [ref("Board"), "x"]]},
        },
    }
    board = {"DashboardName": "first", "DashboardBody": "{}"}
    resources = {
        "A": parameter,
        "Board": {"Type": "AWS::CloudWatch::Dashboard", "Properties": board},
    }
    stack.create(resources)
    board["DashboardName"] = "second"
    stack.update(resources)
    assert cloud("ssm").get_parameter(Name="/reference")["Parameter"]["Value"] == "second:x"
    boards = cloud("cloudwatch").list_dashboards()["DashboardEntries"]
    assert [entry["DashboardName"] for entry in boards] == ["second"]


def test_a_failed_update_is_resumed_by_the_next_one(cloud: Cloud, stack: Stack) -> None:
    topic = {"Type": "AWS::SNS::Topic"}
    stack.create({"First": topic})
    bad = {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {"Bucket": "nowhere", "PolicyDocument": POLICY},
    }
    with pytest.raises(ClientError, match="NoSuchBucket"):
        stack.update({"First": topic, "Second": topic, "Bad": bad})
    assert stack.status() == "UPDATE_FAILED"
    stack.update({"Second": topic})
    assert stack.status() == "UPDATE_COMPLETE"
    assert len(cloud("sns").list_topics()["Topics"]) == 1


def test_what_is_retained_outlives_its_stack_and_the_same_names_come_back(
    cloud: Cloud, stack: Stack
) -> None:
    kept = {"Type": "AWS::SNS::Topic", "DeletionPolicy": "Retain"}
    resources = {"Kept": kept, "Gone": {"Type": "AWS::SNS::Topic"}}
    made = stack.create(resources, Kept=ref("Kept"), Gone=ref("Gone"))
    stack.delete()
    topics = [topic["TopicArn"] for topic in cloud("sns").list_topics()["Topics"]]
    assert topics == [made["Kept"]]
    assert stack.create(resources, Kept=ref("Kept"), Gone=ref("Gone")) == made
    cloud("sns").delete_topic(TopicArn=made["Kept"])


def test_conditions_and_no_value_leave_things_out(cloud: Cloud) -> None:
    template = {
        "Parameters": {"Mail": {"Type": "String", "Default": ""}},
        "Conditions": {"HasMail": {"Fn::Not": [{"Fn::Equals": [ref("Mail"), ""]}]}},
        "Resources": {
            "News": {
                "Type": "AWS::SNS::Topic",
                "Properties": {
                    "DisplayName": {"Fn::If": ["HasMail", ref("Mail"), ref("AWS::NoValue")]}
                },
            },
            "Extra": {"Type": "AWS::SNS::Topic", "Condition": "HasMail"},
        },
    }
    cloudformation = cloud("cloudformation")
    body = json.dumps(template)
    mail = [{"ParameterKey": "Mail", "ParameterValue": "me@example.com"}]
    try:
        cloudformation.create_stack(StackName="conditional", TemplateBody=body)
        assert len(cloud("sns").list_topics()["Topics"]) == 1
        cloudformation.update_stack(StackName="conditional", TemplateBody=body, Parameters=mail)
        topics = [topic["TopicArn"] for topic in cloud("sns").list_topics()["Topics"]]
        names = {
            cloud("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["DisplayName"]
            for topic in topics
        }
        assert names == {"me@example.com", ""}
    finally:
        cloudformation.delete_stack(StackName="conditional")


def test_long_names_are_cut_to_what_the_service_takes(cloud: Cloud, stack: Stack) -> None:
    logical_id = "Role" + "x" * 80
    made = stack.create({logical_id: ROLE}, Name=ref(logical_id), Arn=arn(logical_id))
    assert len(made["Name"]) <= 64
    assert made["Arn"] == f"arn:aws:iam::{ACCOUNT_ID}:role/{made['Name']}"


def test_a_yaml_template_has_short_forms_and_makes_no_python_objects(cloud: Cloud) -> None:
    cloudformation = cloud("cloudformation")
    short = """
    Resources:
      News: {Type: AWS::SNS::Topic}
    Outputs:
      Arn: {Value: !Ref News}
      Name: {Value: !GetAtt News.TopicName}
      Text: {Value: !Sub "topic ${News}"}
    """
    try:
        cloudformation.create_stack(StackName="short", TemplateBody=short)
        (made,) = cloudformation.describe_stacks(StackName="short")["Stacks"]
        values = {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}
        assert values["Arn"].endswith(values["Name"])
        assert values["Text"] == f"topic {values['Arn']}"
    finally:
        cloudformation.delete_stack(StackName="short")
    with pytest.raises(ClientError, match="Template format error: could not determine a const"):
        cloudformation.create_stack(
            StackName="unsafe", TemplateBody="Resources: !!python/object/apply:os.getcwd []"
        )


def test_closing_gives_moto_back() -> None:
    seam = CloudFormation()
    before = parsing.resource_class_from_type
    seam.install(LocalSettings(port=1))
    assert parsing.resource_class_from_type is not before
    seam.close()
    assert parsing.resource_class_from_type is before
