"""The account and regions that a deployment goes into, shown before anything is done there."""

from __future__ import annotations

import os

import boto3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    NoCredentialsError,
    NoRegionError,
)

from stratos.cli.stack import client
from stratos.deploying.deployment import Account
from stratos.errors import StackFailed


def account_in(region: str = "") -> Account:
    """One region of the caller's account; without a name, the one that is configured.

    Raises:
        StackFailed: There are no credentials, no region, or they are not taken.
    """
    try:
        session_region = region or boto3.session.Session().region_name
        if not session_region:
            raise NoRegionError
        identity = client("sts", region=session_region).get_caller_identity()
    except NoRegionError:
        raise StackFailed(
            "no region is set, so it is not clear where to deploy; set AWS_REGION"
        ) from None
    except NoCredentialsError:
        raise StackFailed(
            "no credentials are set; set AWS_PROFILE, or run `aws configure`"
        ) from None
    except (BotoCoreError, ClientError) as error:
        raise StackFailed(f"AWS does not say who you are: {error}") from error
    return Account(
        id=identity["Account"],
        caller=identity["Arn"],
        region=session_region,
        cloudformation=client("cloudformation", region=session_region),
        s3=client("s3", region=session_region),
    )


def told_of(account: Account) -> str:
    """Whose account it is, in words."""
    endpoint = os.environ.get("AWS_ENDPOINT_URL")
    where = f" at {endpoint}" if endpoint else ""
    return f"account {account.id}{where}, region {account.region}, as {account.caller}"
