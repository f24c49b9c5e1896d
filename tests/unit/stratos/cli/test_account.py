import pytest
from moto import mock_aws

from stratos.cli.account import account_in, told_of
from stratos.errors import StackFailed


@pytest.fixture(autouse=True)
def no_configuration(monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@mock_aws
def test_account_region_and_caller_are_told(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    found = account_in()
    assert (found.id, found.region, found.partition) == ("123456789012", "eu-west-1", "aws")
    assert told_of(found).startswith("account 123456789012, region eu-west-1, as arn:aws:")


@mock_aws
def test_the_region_of_a_worker_is_the_one_that_is_named():
    assert account_in("ap-northeast-1").cloudformation.meta.region_name == "ap-northeast-1"


def test_a_cloud_that_is_not_awss_is_told(monkeypatch):
    with mock_aws():
        found = account_in("eu-west-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:5000")
    assert "at http://127.0.0.1:5000" in told_of(found)


def test_without_a_region_nothing_is_guessed():
    with pytest.raises(StackFailed, match="set AWS_REGION"):
        account_in()


def test_without_credentials_the_way_to_them_is_told(monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(StackFailed, match="set AWS_PROFILE"):
        account_in("eu-west-1")
