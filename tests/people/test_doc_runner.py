"""A page that says what does not come is caught."""

from __future__ import annotations

import os
import re

import psutil
import pytest

from tests import patience
from tests.people.doc_runner import Session, Step, difference, sections, steps_of

PAGE = """# How

## First

```console
$ export NAME=you
$ echo "hello $NAME"; echo again
hello …
again
```

```yaml
not: a command
```

## Second

```console
$ cat > file <<'END'
> one
>   two
> END
$ mkdir -p sub && cd sub
$ cat ../file
one
 two
```
"""


@pytest.fixture
def session(tmp_path):
    return Session(tmp_path, {"PATH": os.environ["PATH"]}, re.compile(r"run-[0-9a-f]{4}\b"))


def test_a_page_is_run_in_one_shell(session, tmp_path):
    assert [came.output for came in session.follow(PAGE)][1:] == [
        "hello you\nagain\n",
        "",
        "",
        "one\n  two\n",
    ]
    assert (tmp_path / "file").read_text() == "one\n  two\n"


def test_only_blocks_of_commands_are_run():
    steps = list(steps_of(sections(PAGE)["First"]))
    assert [step.command for step in steps] == ["export NAME=you", 'echo "hello $NAME"; echo again']
    assert steps[1].shown == ("hello …", "again")


@pytest.mark.parametrize(
    ("shown", "output", "is_shown"),
    [
        (["a …", "b"], "a  long   line\nb\n", True),
        (["…", "b"], "1\n2\nb\n", True),
        (["a", "…"], "a\n1\n2\n", True),
        ([], "whatever\n", True),
        (["a"], "a\nb\n", False),
        (["a", "c"], "a\nb\nc\n", False),
        (["a", "…", "d"], "a\nb\nc\n", False),
        (["1.5 of …"], "175 of 3\n", False),
        (["a"], "", False),
    ],
    ids=[
        "in a line",
        "before",
        "after",
        "nothing shown",
        "more",
        "between",
        "never",
        "dot",
        "none",
    ],
)
def test_what_is_shown_must_come_and_nothing_else(shown, output, is_shown):
    assert (difference(tuple(shown), output) is None) == is_shown


def test_a_command_that_fails_or_says_otherwise_stops_the_page(session):
    with pytest.raises(AssertionError, match="ended with 3"):
        session.take(Step("exit 3", ()))
    with pytest.raises(AssertionError, match="shown:\n  two"):
        session.take(Step("echo one", ("two",)))


def test_a_run_has_the_id_that_it_got_and_not_the_one_of_the_page(session):
    session.take(Step("echo run-00ff starts", ("run-aaaa starts",)))
    assert session.take(Step("echo run-aaaa", ("run-aaaa",))).output == "run-00ff\n"


def test_what_runs_in_the_background_ends_with_the_page(session, tmp_path):
    session.take(Step("bash -c 'echo $$ > pid; exec sleep 1000' &", ()))
    session.take(Step("until [ -s pid ]; do :; done", ()))
    pid = int((tmp_path / "pid").read_text())
    session.close()

    def is_over():
        try:
            return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True

    assert patience.eventually(is_over)
