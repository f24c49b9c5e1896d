"""Who is answered by an embedded cloud: its owner, what runs in it, and no web page."""

from __future__ import annotations

import stat
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError
from judged_cloud import client_with
from moto_cloud import Cloud, running_cloud

from infra.local.host.cloud_key import CloudKey, Credentials
from infra.local.host.settings import LocalSettings
from infra.local.iam.enforcement import AccessControl
from infra.local.iam.sessions import SIGNED_BY, Session
from infra.local.requests.owners_only import OwnersOnly

ROLE = "arn:aws:iam::123456789012:role/local"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("state"), OwnersOnly(), AccessControl()) as running:
        running("s3").create_bucket(Bucket="letters")
        yield running


def status(url: str, **headers: str) -> int:
    asked = urllib.request.Request(
        url, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(asked) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def presigned(cloud: Cloud) -> str:
    cloud("s3").put_object(Bucket="letters", Key="a", Body=b"mine")
    url = cloud("s3").generate_presigned_url("get_object", {"Bucket": "letters", "Key": "a"})
    return str(url)


SERVICES = {
    "s3": ("list_buckets", {}, "InvalidToken"),
    "sagemaker": ("list_endpoints", {}, "UnrecognizedClientException"),
    "cloudwatch": ("list_metrics", {}, "UnrecognizedClientException"),
    "sns": ("list_topics", {}, "InvalidClientTokenId"),
    "lambda": ("list_functions", {}, "UnrecognizedClientException"),
}


@pytest.mark.parametrize("service", SERVICES)
def test_a_key_of_no_cloud_or_of_another_is_refused_in_each_services_words(cloud, service):
    operation, given, code = SERVICES[service]
    others = CloudKey.random()
    for credentials in (Credentials("test", "test"), others.owner):
        with pytest.raises(ClientError, match=r"`stratos local up` prints the key") as refused:
            getattr(client_with(cloud, credentials, service), operation)(**given)
        assert refused.value.response["Error"]["Code"] in (code, "InvalidClientTokenId")
    getattr(client_with(cloud, cloud.settings.key.owner, service), operation)(**given)


def test_a_session_that_another_key_has_made_is_none(cloud):
    session = Session.of_role(ROLE, "job")
    mine = SIGNED_BY.key
    SIGNED_BY.key = CloudKey.random()
    foreign = session.credentials()
    SIGNED_BY.key = mine
    assert foreign.token == session.credentials().token
    with pytest.raises(ClientError, match="security token included in the request is invalid"):
        client_with(cloud, foreign, "sagemaker").list_endpoints()
    with pytest.raises(ClientError, match="AccessDenied"):  # known, and without a policy
        client_with(cloud, session.credentials(), "sagemaker").list_endpoints()


def test_what_is_not_signed_is_refused_also_outside_of_aws_services(cloud):
    url = cloud.settings.endpoint_url
    assert {status(url + path) for path in ("/", "/letters/a", "/moto-api/data.json")} == {400}


def test_a_presigned_address_is_answered_to_a_program_and_to_no_page(cloud):
    url = presigned(cloud)
    assert status(url) == 200
    assert status(url, Origin="https://page.example") == 403
    assert status(url, Origin="null") == 403
    assert status(url, Sec_Fetch_Site="cross-site") == 403
    assert status(url, Host="page.example") == 403


def test_the_state_directory_is_closed_to_others_also_one_that_was_open(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    assert LocalSettings(state_dir=state).key.owner
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
