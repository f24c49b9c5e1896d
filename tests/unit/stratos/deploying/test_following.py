import pytest

from stratos.deploying.following import Watch, describe
from stratos.errors import StackFailed

TOLD = [
    ("Bucket", "AWS::S3::Bucket", "CREATE_IN_PROGRESS", ""),
    ("Bucket", "AWS::S3::Bucket", "CREATE_COMPLETE", ""),
    ("Role", "AWS::IAM::Role", "CREATE_FAILED", "Resource creation cancelled"),
    ("Table", "AWS::DynamoDB::Table", "CREATE_FAILED", "no such key"),
    ("Stratos", "AWS::CloudFormation::Stack", "CREATE_COMPLETE", ""),
]


def followed(cloudformation, ends_as):
    """What is told of a stack that a change set brings to an end."""
    cloudformation.create_change_set(StackName="Stratos", ChangeSetType="CREATE")
    watch = Watch.begin(cloudformation, "arn:Stratos")
    cloudformation.ends_as = ends_as
    cloudformation.execute_change_set(ChangeSetName="arn:set/Stratos")
    told = []
    return told, lambda: watch.follow(told.append, lambda seconds: None, wanted="CREATE_COMPLETE")


def test_each_resource_is_told_once_it_is_done(cloudformation):
    cloudformation.told = TOLD[:2] + TOLD[4:]
    told, follow = followed(cloudformation, "CREATE_COMPLETE")
    assert follow()["StackStatus"] == "CREATE_COMPLETE"
    assert [(one.logical_id, one.status) for one in told] == [("Bucket", "CREATE_COMPLETE")]


def test_what_was_before_is_not_told_again(cloudformation):
    cloudformation.told = TOLD[:2]
    followed(cloudformation, "CREATE_COMPLETE")[1]()
    cloudformation.told = [("Alias", "AWS::KMS::Alias", "CREATE_COMPLETE", "")]
    told, follow = followed(cloudformation, "CREATE_COMPLETE")
    follow()
    assert [one.logical_id for one in told] == ["Alias"]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("ROLLBACK_COMPLETE", "is deleted again"),
        ("UPDATE_ROLLBACK_COMPLETE", "again what it was before"),
        ("UPDATE_ROLLBACK_FAILED", "continue the rollback"),
        ("DELETE_FAILED", "repeat the command"),
    ],
)
def test_a_failure_has_its_cause_and_what_became_of_the_stack(cloudformation, status, outcome):
    cloudformation.told = TOLD
    told, follow = followed(cloudformation, status)
    with pytest.raises(StackFailed, match=outcome) as failure:
        follow()
    assert "Table (AWS::DynamoDB::Table): no such key" in str(failure.value)
    assert "cancelled" not in str(failure.value)
    assert [one.logical_id for one in told if one.is_failed] == ["Role", "Table"]


def test_the_shell_of_a_change_set_counts_as_no_stack(cloudformation):
    assert describe(cloudformation, "Stratos") is None
    cloudformation.add_stack("Stratos", "REVIEW_IN_PROGRESS")
    assert describe(cloudformation, "Stratos") is None
    cloudformation.add_stack("Stratos", "CREATE_COMPLETE")
    assert describe(cloudformation, "Stratos")["StackName"] == "Stratos"


@pytest.mark.parametrize("before", ["CREATE_COMPLETE", "UPDATE_COMPLETE"])
def test_a_stale_look_is_no_end(cloudformation, before):
    cloudformation.add_stack("Stratos", before)
    watch = Watch.begin(cloudformation, "arn:Stratos")
    paused = []

    def delete(seconds):
        paused.append(seconds)
        if len(paused) == 2:
            cloudformation.delete_stack(StackName="Stratos")

    stack = watch.follow(lambda event: None, delete, wanted="DELETE_COMPLETE")
    assert stack["StackStatus"] == "DELETE_COMPLETE"


def test_a_stale_look_after_the_events_is_no_end_either(cloudformation):
    cloudformation.add_stack("Stratos", "UPDATE_COMPLETE")
    watch = Watch.begin(cloudformation, "arn:Stratos")
    cloudformation.stale_looks = 2
    cloudformation.ends_as = "UPDATE_ROLLBACK_COMPLETE"
    cloudformation.create_change_set(StackName="Stratos", ChangeSetType="UPDATE")
    cloudformation.execute_change_set(ChangeSetName="arn:set/Stratos")
    with pytest.raises(StackFailed, match="again what it was before"):
        watch.follow(lambda event: None, lambda seconds: None, wanted="UPDATE_COMPLETE")


def test_a_deletion_that_leaves_the_stack_standing_is_none(cloudformation):
    cloudformation.add_stack("Stratos", "UPDATE_COMPLETE")
    watch = Watch.begin(cloudformation, "arn:Stratos")
    cloudformation.ends_as = "CREATE_COMPLETE"
    cloudformation.delete_stack(StackName="Stratos")
    with pytest.raises(StackFailed, match="ended as CREATE_COMPLETE"):
        watch.follow(lambda event: None, lambda seconds: None, wanted="DELETE_COMPLETE")
