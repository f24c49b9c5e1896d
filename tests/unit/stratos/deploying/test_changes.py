import pytest
from botocore.exceptions import ClientError

from stratos.deploying.assembly import read_stacks
from stratos.deploying.changes import Change, propose, withdraw
from stratos.errors import StackFailed


def change(action, **fields):
    return {
        "Type": "Resource",
        "ResourceChange": {
            "Action": action,
            "LogicalResourceId": "It",
            "ResourceType": "AWS::S3::Bucket",
            **fields,
        },
    }


def proposed(cloudformation, folder, *, creates=True):
    return propose(
        cloudformation,
        read_stacks(folder)[0],
        name="s",
        template_url="https://somewhere",
        parameters=[],
        creates=creates,
        sleep=lambda seconds: None,
    )


@pytest.mark.parametrize(
    ("found", "action", "loses"),
    [
        (change("Add"), "add", False),
        (change("Modify", Replacement="False"), "change", False),
        (change("Modify", Replacement="Conditional"), "may replace", True),
        (change("Modify", Replacement="True"), "replace", True),
        (change("Modify", Replacement="True", PolicyAction="ReplaceAndDelete"), "replace", True),
        (change("Modify", Replacement="True", PolicyAction="ReplaceAndRetain"), "replace", False),
        (change("Remove", PolicyAction="Delete"), "delete", True),
        (change("Remove", PolicyAction="Retain"), "leave behind", False),
    ],
    ids=[
        *("add", "change", "may replace", "replace", "replace and delete", "replace and retain"),
        *("delete", "leave behind"),
    ],
)
def test_each_change_is_named_by_what_becomes_of_the_resource(
    cloudformation, folder, found, action, loses
):
    cloudformation.changes = [found]
    [seen] = proposed(cloudformation, folder).changes
    assert (seen.action, seen.loses_something) == (action, loses)


def test_every_page_of_changes_is_read(cloudformation, folder):
    cloudformation.changes = [change("Add", LogicalResourceId=name) for name in "abc"]
    assert [one.logical_id for one in proposed(cloudformation, folder).changes] == ["a", "b", "c"]


@pytest.mark.parametrize("type_", ["AWS::IAM::Role", "AWS::KMS::Key", "AWS::S3::BucketPolicy"])
def test_what_says_who_may_do_what_is_marked(type_):
    assert Change("add", "It", type_).concerns_rights
    assert not Change("add", "It", "AWS::S3::Bucket").concerns_rights


@pytest.mark.parametrize(
    "reason",
    ["The submitted information didn't contain changes.", "No updates are to be performed."],
)
def test_nothing_to_change_is_no_failure_and_leaves_no_change_set(cloudformation, folder, reason):
    cloudformation.add_stack("Stratos", "CREATE_COMPLETE")
    cloudformation.refusal = reason
    assert proposed(cloudformation, folder, creates=False).is_empty
    assert cloudformation.change_sets == {}


def test_a_refused_template_leaves_nothing(cloudformation, folder):
    cloudformation.refusal = "Template error: no such attribute"
    with pytest.raises(StackFailed, match=r"no such attribute\. Nothing was changed"):
        proposed(cloudformation, folder)
    assert cloudformation.change_sets == {}
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "DELETE_COMPLETE"


def test_withdrawing_deletes_the_shell_of_a_new_stack_and_no_other(cloudformation, folder):
    withdraw(cloudformation, proposed(cloudformation, folder))
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "DELETE_COMPLETE"
    cloudformation.add_stack("Stratos", "CREATE_COMPLETE")
    withdraw(cloudformation, proposed(cloudformation, folder, creates=False))
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "CREATE_COMPLETE"


def test_withdrawing_leaves_a_shell_that_somebody_else_deployed_into(cloudformation, folder):
    mine = proposed(cloudformation, folder)
    cloudformation.stacks["Stratos"]["StackStatus"] = "CREATE_IN_PROGRESS"
    withdraw(cloudformation, mine)
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "CREATE_IN_PROGRESS"


def test_withdrawing_leaves_a_shell_in_which_somebody_else_has_a_change_set(cloudformation, folder):
    mine = proposed(cloudformation, folder)
    cloudformation.proposer = "somebody"
    proposed(cloudformation, folder)
    withdraw(cloudformation, mine)
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "REVIEW_IN_PROGRESS"
    assert cloudformation.change_sets.keys() == {"arn:set/Stratos/somebody"}


def test_a_change_set_goes_if_one_stops_waiting_for_it(cloudformation, folder, monkeypatch):
    def stop(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(cloudformation, "describe_change_set", stop)
    with pytest.raises(KeyboardInterrupt):
        proposed(cloudformation, folder)
    assert cloudformation.change_sets == {}
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "DELETE_COMPLETE"


def test_one_that_is_computed_now_is_deleted_once_it_was(cloudformation, folder, monkeypatch):
    mine = proposed(cloudformation, folder)
    delete, refusals = cloudformation.delete_change_set, ["InvalidChangeSetStatus"]

    def refuse_first(**asked):
        if refusals:
            raise ClientError({"Error": {"Code": refusals.pop()}}, "DeleteChangeSet")
        delete(**asked)

    monkeypatch.setattr(cloudformation, "delete_change_set", refuse_first)
    withdraw(cloudformation, mine, lambda seconds: None)
    assert cloudformation.change_sets == {}


def test_one_that_is_never_deleted_is_named(cloudformation, folder, monkeypatch):
    mine = proposed(cloudformation, folder)

    def refuse(**_):
        raise ClientError({"Error": {"Code": "InvalidChangeSetStatus"}}, "DeleteChangeSet")

    monkeypatch.setattr(cloudformation, "delete_change_set", refuse)
    with pytest.raises(StackFailed, match="arn:set/Stratos is not deleted"):
        withdraw(cloudformation, mine, lambda seconds: None)


def test_a_template_says_what_stays_where_cloudformation_does_not(cloudformation, folder):
    stack = read_stacks(folder)[0]
    stack.template["Resources"]["It"] = {"UpdateReplacePolicy": "Retain"}
    cloudformation.changes = [change("Modify", Replacement="Conditional")]
    asked = {"name": "s", "template_url": "https://x", "parameters": [], "creates": True}
    found = propose(cloudformation, stack, **asked, sleep=lambda seconds: None)
    assert [(one.action, one.stays) for one in found.changes] == [("may replace", True)]


@pytest.mark.parametrize(
    ("target", "marked"),
    [
        ({"Name": "Role"}, True),
        ({"Name": "RoleArn"}, True),
        ({"Name": "Targets"}, True),
        ({"Name": "Targets", "Path": "/Properties/Targets/0/RoleArn"}, True),
        ({"Name": "Targets", "Path": "/Properties/Targets/0/Input"}, False),
        ({"Name": "Timeout"}, False),
    ],
)
def test_another_role_concerns_rights_whatever_acts_under_it(
    cloudformation, folder, target, marked
):
    of_function = {"ResourceType": "AWS::Lambda::Function", "Replacement": "False"}
    cloudformation.changes = [change("Modify", Details=[{"Target": target}], **of_function)]
    [seen] = proposed(cloudformation, folder).changes
    assert (seen.changes_role, seen.concerns_rights) == (marked, marked)
