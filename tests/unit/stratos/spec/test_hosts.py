"""A secret goes where its tag says, and a network's own hosts are asked by name only."""

from __future__ import annotations

import shlex

import pytest

from stratos.spec import Spec
from stratos.spec.addresses import host_of
from stratos.spec.hosts import (
    NamedSecret,
    is_private,
    named_secrets,
    why_not_asked,
    why_not_sent,
)
from tests import factories


@pytest.mark.parametrize("hosts", ["a.example", "b.example a.example", "A.example", ".example"])
def test_a_secret_is_sent_to_a_host_that_its_tag_names(hosts):
    assert why_not_sent("stratos/key", hosts, "a.example") is None


@pytest.mark.parametrize(
    ("hosts", "host"),
    [
        (None, "a.example"),
        ("", "a.example"),
        ("a.example", "b.example"),
        ("a.example", "x.a.example"),
        ("a.example", "a.example.other.test"),
        (".a.example", "a.example"),
        (".a.example", "xa.example"),
    ],
)
def test_a_secret_is_sent_to_no_other_host(hosts, host):
    told = why_not_sent("stratos/key", hosts, host)
    assert told is not None
    assert f"would be sent to {host}" in told
    value = f"Key=stratos:hosts,Value={' '.join([*(hosts or '').split(), host])}"
    assert value in shlex.split(told.replace("'stratos/key'", ""))


def test_the_command_that_is_told_runs_nothing_that_a_secret_or_a_host_holds():
    secret, host = "stratos/a'; touch /tmp/x; '", "x'$(id)'.example"
    told = why_not_sent(secret, "a.example", host)
    command = shlex.split(told.partition("so: ")[2], comments=True)
    assert command[:4] == ["aws", "secretsmanager", "tag-resource", "--secret-id"]
    assert command[4:] == [secret, "--tags", f"Key=stratos:hosts,Value=a.example {host}"]


@pytest.mark.parametrize(
    "address",
    ["10.1.2.3", "192.168.0.1", "172.16.0.1", "169.254.1.1", "100.64.0.1", "0.0.0.0", "127.0.0.1",
     "::1", "fe80::1", "fd00::1", "::ffff:10.0.0.1", "64:ff9b::10.0.0.1",
     "64:ff9b::169.254.169.254", "64:ff9b:1::a9fe:a9fe", "fec0::1", "2002:a00:1::1"],
)  # fmt: skip
def test_addresses_of_somebody_s_own_network_are_private(address):
    assert is_private(address)


@pytest.mark.parametrize(
    "address",
    [
        "8.8.8.8",
        "2606:4700::1",
        "::ffff:8.8.8.8",
        "64:ff9b::8.8.8.8",
        "2002:808:808::1",
        "a.example",
        "",
    ],
)
def test_others_and_names_are_not(address):
    assert not is_private(address)


def test_this_machine_is_asked_in_clear_and_the_internet_is_not():
    for url in ("http://127.0.0.1:8080/v1", "http://localhost:1", "https://a.example/v1"):
        assert why_not_asked(url, ()) is None
    for url in ("http://a.example/v1", "https://10.0.0.1/v1"):
        assert "stratos:private_hosts" in str(why_not_asked(url, ("b.example",)))
        assert why_not_asked(url, (host_of(url),)) is None


def test_every_secret_of_a_spec_is_found_with_its_place_and_host():
    service = {"kind": "openai", "base_url": "https://a.example/v1", "model": "m"}
    judge = {"kind": "judge", "criteria": "polite", "model": service | {"api_key_secret": "s/j"}}
    spec = Spec.model_validate(
        factories.spec_dict()
        | {
            "task": factories.spec_dict()["task"] | {"verifier": judge},
            "training": {
                "kd_weight": 0,
                "tracking": {"tracking_uri": "https://mlflow.example", "token_secret": "s/m"},
            },
            "teachers": [service, service | {"api_key_secret": "s/t"}],
            "students": [{"hub": "org/model", "hub_token_secret": "s/h"}],
        }
    )
    assert list(named_secrets(spec)) == [
        NamedSecret("task.verifier.model.api_key_secret", "s/j", "a.example"),
        NamedSecret("teachers[1].api_key_secret", "s/t", "a.example"),
        NamedSecret("training.tracking.token_secret", "s/m", "mlflow.example"),
        NamedSecret("students[0].hub_token_secret", "s/h", "huggingface.co"),
    ]


def test_the_login_of_a_tracker_is_a_secret_of_its_host():
    tracking = {"tracking_uri": "https://mlflow.example:5000/x", "login_secret": "s/login"}
    [found] = named_secrets(factories.spec(training={"tracking": tracking}))
    assert found == NamedSecret("training.tracking.login_secret", "s/login", "mlflow.example")
