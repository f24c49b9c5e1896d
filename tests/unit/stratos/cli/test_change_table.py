import io

import pytest
from rich.console import Console

from stratos.cli.change_table import event_line, print_changes
from stratos.deploying.changes import Change, ChangeSet
from stratos.deploying.following import ResourceEvent


def shown(*changes, creates=False):
    console = Console(file=io.StringIO(), width=160)
    print_changes(console, ChangeSet("arn", "arn", "Stratos", creates, changes), "eu-west-1")
    return console.file.getvalue()


def test_what_may_lose_something_comes_first_and_says_so():
    text = shown(
        Change("add", "New", "AWS::SNS::Topic"),
        Change("delete", "Old", "AWS::SQS::Queue"),
        Change("replace", "Table", "AWS::DynamoDB::Table"),
    )
    assert "Stratos in eu-west-1 changes: 1 to DELETE, 1 to REPLACE, 1 to add" in text
    assert text.index("Old") < text.index("Table") < text.index("New")
    assert "gone with all that it holds" in text


def test_a_change_that_keeps_everything_warns_of_nothing():
    text = shown(Change("change", "Work", "AWS::Lambda::Function"))
    assert "gone with all" not in text
    assert "rights" not in text


def test_every_new_role_of_a_stack_that_is_there_is_named():
    roles = [Change("add", f"Role{number}", "AWS::IAM::Role") for number in range(6)]
    changed = shown(*roles)
    assert all(role.logical_id in changed for role in roles)
    assert "rights" in changed


def test_every_role_of_a_new_stack_is_named_and_of_the_rest_some():
    roles = [Change("add", f"Role{number}", "AWS::IAM::Role") for number in range(6)]
    alarms = [Change("add", f"Alarm{number}", "AWS::CloudWatch::Alarm") for number in range(6)]
    made = shown(*roles, *alarms, creates=True)
    assert "6 × AWS::IAM::Role" in made
    assert all(role.logical_id in made for role in roles)
    assert "Alarm2 and 3 more" in made


def test_what_is_replaced_and_kept_is_not_called_gone():
    kept = Change("replace", "Bucket", "AWS::S3::Bucket", stays=True)
    text = shown(kept)
    assert "kept: the old one stays in the account and is billed; the new one is empty" in text
    assert "gone with all" not in text
    both = shown(kept, Change("delete", "Old", "AWS::SQS::Queue"))
    assert "gone with all that it holds, but for what is kept." in both


def test_a_changed_role_is_marked_beside_what_acts_under_it():
    text = shown(
        Change("change", "Work", "AWS::Lambda::Function", changes_role=True),
        Change("change", "Other", "AWS::Lambda::Function"),
    )
    lines = {line.split()[2]: line for line in text.splitlines() if "AWS::Lambda" in line}
    assert {name: "rights" in line for name, line in lines.items()} == {
        "Work": True,
        "Other": False,
    }


def test_nothing_to_change_is_said_in_a_line():
    console = Console(file=io.StringIO(), width=160)
    print_changes(console, ChangeSet("", "arn", "Stratos", False), "eu-west-1")
    assert console.file.getvalue() == "Stratos in eu-west-1: nothing to change\n"


def test_a_change_of_outputs_alone_is_a_change():
    assert "changes: its outputs alone" in shown()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("CREATE_COMPLETE", "   3/9   made It (AWS::X)"),
        ("UPDATE_COMPLETE", "   3/9   changed It (AWS::X)"),
        ("DELETE_COMPLETE", "   3/9   deleted It (AWS::X)"),
        ("DELETE_SKIPPED", "   3/9   kept It (AWS::X)"),
        ("CREATE_FAILED", "failed It (AWS::X): why"),
    ],
)
def test_an_event_says_what_became_of_a_resource(status, words):
    assert words in event_line(ResourceEvent("It", "AWS::X", status, "why"), 3, 9).plain


def test_a_narrow_terminal_cuts_no_name():
    console = Console(file=io.StringIO(), width=60)
    role = Change("add", "FunctionsAwaitComponentRoleDefaultPolicy0A1B2C3D", "AWS::IAM::Policy")
    print_changes(console, ChangeSet("arn", "arn", "Stratos", True, (role,)), "eu-west-1")
    assert "…" not in console.file.getvalue()
