import pytest

from stratos.deploying.assembly import read_stacks
from stratos.deploying.deployment import Deployment
from stratos.errors import StackFailed

CDK = [{"ParameterKey": "BootstrapVersion", "ParameterValue": "/cdk-bootstrap/hnb659fds/version"}]


@pytest.fixture
def deployment(account, folder):
    return Deployment(read_stacks(folder)[0], account)


def propose(deployment, *, from_cdk=False, **settings):
    return deployment.propose("s", settings, from_cdk=from_cdk)


def asked(cloudformation):
    return cloudformation.change_sets["arn:set/Stratos"]


def test_a_new_stack_is_proposed_from_a_template_in_the_bucket(deployment, cloudformation):
    assert propose(deployment, SubnetIds="subnet-1").creates
    request = asked(cloudformation)
    assert request["ChangeSetType"] == "CREATE"
    assert request["TemplateURL"].endswith(".json")
    assert request["Tags"] == [{"Key": "stratos:stack", "Value": "Stratos"}]
    assert request["Parameters"] == [{"ParameterKey": "SubnetIds", "ParameterValue": "subnet-1"}]


def test_what_is_not_given_stays_what_it_is(deployment, cloudformation):
    kept = [{"ParameterKey": "SubnetIds", "ParameterValue": "subnet-1"}]
    cloudformation.add_stack("Stratos", "UPDATE_COMPLETE", Parameters=kept)
    assert not propose(deployment).creates
    assert asked(cloudformation)["Parameters"] == [
        {"ParameterKey": "SubnetIds", "UsePreviousValue": True}
    ]


def test_a_setting_that_is_not_there_has_a_did_you_mean(deployment):
    with pytest.raises(StackFailed, match="did you mean SubnetIds"):
        propose(deployment, SubnetId="subnet-1")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("UPDATE_IN_PROGRESS", "wait until"),
        ("ROLLBACK_COMPLETE", "stratos destroy"),
        ("DELETE_FAILED", "stratos destroy"),
        ("UPDATE_ROLLBACK_FAILED", "console"),
    ],
)
def test_a_stack_that_takes_no_change_says_what_to_do(deployment, cloudformation, status, words):
    cloudformation.add_stack("Stratos", status)
    with pytest.raises(StackFailed, match=words):
        propose(deployment)
    assert not deployment.made_bucket


def test_a_stack_of_the_cdks_command_is_taken_over_only_if_that_is_said(deployment, cloudformation):
    cloudformation.add_stack("Stratos", "CREATE_COMPLETE", Parameters=CDK)
    with pytest.raises(StackFailed, match="--from-cdk"):
        propose(deployment)
    propose(deployment, from_cdk=True)
    assert asked(cloudformation)["Parameters"] == []


def test_carrying_out_uploads_archives_first(deployment, account):
    propose(deployment)
    said = []
    stack = deployment.carry_out(said.append, lambda event: None)
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert said == ["uploading code.zip, 0.0 MB", "0 of 1 archives were there"]
    bucket = account.asset_bucket("Stratos")
    assert account.s3.get_object(Bucket=bucket.name, Key="abc.zip")["Body"].read() == b"code"


def test_withdrawing_leaves_the_account_as_it_was(deployment, account, cloudformation):
    propose(deployment)
    deployment.withdraw()
    assert not account.asset_bucket("Stratos").exists()
    assert cloudformation.change_sets == {}


def test_a_bucket_that_was_there_survives_a_withdrawal(deployment, account):
    bucket = account.asset_bucket("Stratos")
    bucket.make()
    propose(deployment)
    deployment.withdraw()
    assert bucket.exists()


def test_protection_is_cloudformations(deployment, cloudformation):
    cloudformation.add_stack("Stratos", "CREATE_COMPLETE")
    deployment.protect(True)
    assert cloudformation.protected == [True]


def test_the_bucket_stays_where_somebody_else_deployed_meanwhile(
    deployment, account, cloudformation
):
    propose(deployment)
    cloudformation.stacks["Stratos"]["StackStatus"] = "CREATE_COMPLETE"
    deployment.withdraw()
    assert account.asset_bucket("Stratos").exists()
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "CREATE_COMPLETE"


def test_the_bucket_stays_where_somebody_else_changed_a_stack_that_stands(
    deployment, account, cloudformation
):
    stack = cloudformation.add_stack("Stratos", "UPDATE_COMPLETE", LastUpdatedTime="08:00")
    propose(deployment)
    deployment.found = dict(deployment.found)
    stack["LastUpdatedTime"] = "08:01"
    deployment.withdraw()
    assert account.asset_bucket("Stratos").exists()


def test_a_bucket_that_is_only_half_made_goes(deployment, account, monkeypatch):
    def refuse(**_):
        raise KeyboardInterrupt

    monkeypatch.setattr(account.s3, "put_bucket_encryption", refuse)
    with pytest.raises(KeyboardInterrupt):
        propose(deployment)
    deployment.withdraw()
    assert not account.asset_bucket("Stratos").exists()


def test_what_is_under_way_is_not_withdrawn(deployment, account, cloudformation):
    propose(deployment)
    deployment.carry_out(lambda line: None, lambda event: None)
    deployment.withdraw()
    assert cloudformation.stacks["Stratos"]["StackStatus"] == "CREATE_COMPLETE"
    assert account.asset_bucket("Stratos").exists()
