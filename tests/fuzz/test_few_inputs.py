"""A few inputs of each target: the whole is `make fuzz`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from stratos.errors import DatasetRejected
from stratos.spec.schedule import parse_schedule
from tests.fuzz import worker
from tests.fuzz.mutations import mutated, mutated_bytes
from tests.fuzz.target import Target, input_of, is_refusal, outcome
from tests.fuzz.targets.table import TARGETS, make_target
from tests.fuzz.worker import Failure, Shard

FEW = {
    "spec": 100,
    "dataset": 10,
    "model-folder": 50,
    "server": 40,
    "state-file": 6,
    "event": 10,
}
TREE = {"a": [1, 2.5, "text", None, {"b": True}], "c": {"d": "e"}}


@pytest.mark.parametrize("name", TARGETS)
def test_every_input_is_accepted_or_refused_in_words(name: str) -> None:
    found: Counter[str] = Counter()
    with closing(make_target(name)) as target:
        parents = target.parents()
        for number in range(FEW[name]):
            ended = outcome(target, input_of(target, parents, number)[1])
            assert ended.verdict != "failed", f"--repeat {name}:{number}: {ended.told}"
            found[ended.verdict] += 1
    assert found["accepted"] >= FEW[name] / 5
    assert found["refused"] > 0 or name == "dataset"


def test_an_input_is_the_same_for_the_same_number() -> None:
    tree = mutated(TREE, Random(1))
    assert tree == mutated(TREE, Random(1))
    assert len({json.dumps(mutated(TREE, Random(n)), default=str) for n in range(40)}) > 30
    assert mutated_bytes(b"abcdef", Random(3)) == mutated_bytes(b"abcdef", Random(3))
    assert TREE == {"a": [1, 2.5, "text", None, {"b": True}], "c": {"d": "e"}}


def test_a_refusal_is_what_our_code_says_and_not_what_python_found() -> None:
    def raised(run: object) -> Exception:
        assert callable(run)
        with pytest.raises(Exception) as caught:  # noqa: PT011
            run()
        return caught.value

    def reject() -> None:
        raise DatasetRejected("the dataset is empty; put one JSON object on each line")

    assert is_refusal(raised(reject))
    assert is_refusal(raised(lambda: parse_schedule("often")))
    assert not is_refusal(raised(lambda: {}["missing"]))
    assert not is_refusal(raised(lambda: parse_schedule(None)))  # type: ignore[arg-type]


class Odd(Target):
    """Takes numbers: even ones at once, others in as much computing as they say."""

    name = "odd"
    inputs_per_process: int | None = None

    def parents(self) -> list[int]:
        return [0]

    def mutate(self, parent: int, chance: Random) -> int:
        return chance.randrange(4)

    def size(self, given: int) -> int:
        return 1

    def run(self, given: int) -> None:
        if given == 1:
            raise KeyError("one")
        sum(range(500_000 if given == 3 else 2_000))

    def close(self) -> None:
        pass


def work_in_this_process(patched: pytest.MonkeyPatch, target: Callable[[], Target]) -> None:
    """Let a worker do nothing that would outlast it."""
    patched.setattr(worker, "make_target", lambda name: target())
    patched.setattr(worker, "_limit_memory", lambda: 0)
    patched.setattr(worker.logging, "disable", lambda: None)
    patched.setattr(worker.signal, "signal", lambda *_: None)
    patched.setattr(worker.gc, "freeze", lambda: None)


def test_a_shard_counts_faults_and_what_is_too_dear_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in_this_process(monkeypatch, Odd)
    file = tmp_path / "odd.json"
    worker.main("odd", 0, 1, 20, file)
    half = Shard.read(file, 0)
    assert (half.inputs, half.next_number) == (20, 20)
    worker.main("odd", 0, 1, 40, file)
    found = Shard.read(file, 0)
    given = [input_of(Odd(), [0], number)[1] for number in range(40)]
    assert found.inputs == 40
    assert found.accepted == sum(one in (0, 2) for one in given)
    told = {given[failure.number]: failure.told for failure in found.failures}
    assert told[1] == "KeyError: 'one'"
    assert "times the CPU of its valid parent" in told[3]
    assert found.num_failures == sum(one in (1, 3) for one in given)
    (tmp_path / "odd.running").write_text("40")  # as a process leaves it that was killed
    worker.main("odd", 0, 1, 41, file)
    (tmp_path / "odd.running").write_text("41")
    assert Shard.read(file, 0).suspect == 40
    Shard(next_number=41, suspect=41).write(file)
    worker.main("odd", 0, 1, 42, file)
    assert Shard.read(file, 0).failures == [Failure(41, "it ends the process that runs it", 0)]


class Spoilt(Odd):
    """What keeps the last input, after which every other one fails."""

    inputs_per_process = 3

    def __init__(self) -> None:
        self._last: int | None = None

    def run(self, given: int) -> None:
        assert self._last in (None, 0, given), "spoilt by an earlier input"
        self._last = given
        super().run(given)


def test_an_input_fails_only_if_it_does_so_in_a_process_that_has_read_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in_this_process(monkeypatch, Spoilt)
    file, seen = tmp_path / "odd.json", []
    while Shard.read(file, 0).next_number < 20:
        worker.main("odd", 0, 1, 20, file)
        seen.append(Shard.read(file, 0).next_number)
    found = Shard.read(file, 0)
    assert found.inputs == 20
    assert not [one for one in found.failures if "spoilt" in one.told]
    assert all(after > before for before, after in zip([0, *seen], seen, strict=False))
    assert max(after - before for before, after in zip([0, *seen], seen, strict=False)) <= 3
