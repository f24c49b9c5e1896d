import pytest

from training.container.private_hosts import private_hosts


@pytest.mark.parametrize(
    ("told", "hosts"),
    [
        (None, ()),
        ("", ()),
        ("a.example", ("a.example",)),
        ("a.example,10.0.0.7", ("a.example", "10.0.0.7")),
    ],
)
def test_a_job_may_ask_the_private_hosts_that_its_environment_names(monkeypatch, told, hosts):
    monkeypatch.delenv("STRATOS_PRIVATE_HOSTS", raising=False)
    if told is not None:
        monkeypatch.setenv("STRATOS_PRIVATE_HOSTS", told)
    assert private_hosts() == hosts
