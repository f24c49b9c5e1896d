import os
import subprocess
import sys
import textwrap

import pytest
import torch

from stratos.errors import CorruptCheckpoint
from tests.unit.training.processes import together
from training.learning.checkpoints import (
    Checkpoint,
    CheckpointPace,
    Checkpoints,
    require_same_step,
)


def make_checkpoint(step):
    generator = torch.Generator().manual_seed(step)
    return Checkpoint(step, {"w": torch.randn(50, generator=generator)}, f"state {step}")


def test_the_last_of_the_saved_checkpoints_is_read_back(tmp_path):
    checkpoints = Checkpoints(tmp_path / "missing")
    assert checkpoints.latest() is None
    for step in (1, 2, 3):
        assert checkpoints.save(make_checkpoint(step))
    found = checkpoints.latest()
    assert (found.step, found.state) == (3, "state 3")
    torch.testing.assert_close(found.tensors["w"], make_checkpoint(3).tensors["w"])
    assert sorted(path.name for path in (tmp_path / "missing").iterdir()) == [
        "step-000000002",
        "step-000000003",
    ]


@pytest.mark.parametrize("damage", ["flip", "truncate", "no head", "bad head", "no tensors"])
def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path, damage):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(make_checkpoint(1))
    checkpoints.save(make_checkpoint(2))
    tensors = tmp_path / "step-000000002" / "tensors.safetensors"
    head = tmp_path / "step-000000002" / "checkpoint.json"
    match damage:
        case "flip":
            content = bytearray(tensors.read_bytes())
            content[-3] ^= 1
            tensors.write_bytes(content)
        case "truncate":
            tensors.write_bytes(tensors.read_bytes()[:40])
        case "no head":
            head.unlink()
        case "bad head":
            head.write_text('{"step"')
        case "no tensors":
            tensors.unlink()
    assert checkpoints.latest().step == 1


def test_with_no_whole_checkpoint_left_it_says_so(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(make_checkpoint(1))
    (tmp_path / "step-000000001" / "tensors.safetensors").write_bytes(b"x")
    with pytest.raises(CorruptCheckpoint, match="delete the job's checkpoints"):
        checkpoints.latest()


@pytest.mark.parametrize("missing", ["checkpoint.json", "tensors.safetensors"])
def test_what_was_copied_in_part_is_as_if_there_were_no_checkpoint(tmp_path, missing):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(make_checkpoint(1))
    (tmp_path / "step-000000001" / missing).unlink()
    assert checkpoints.latest() is None


def test_a_full_disk_leaves_the_previous_checkpoint(tmp_path):
    """The process may write no file over 64 KiB: the kernel refuses as a full disk does."""
    program = """
        import resource, signal, sys
        from pathlib import Path
        import torch
        from training.learning.checkpoints import Checkpoint, CheckpointPace, Checkpoints
        checkpoints = Checkpoints(Path(sys.argv[1]))
        assert checkpoints.save(Checkpoint(1, {"w": torch.ones(10)}, "small"))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
        assert not checkpoints.save(Checkpoint(2, {"w": torch.ones(100_000)}, "large"))
        assert checkpoints.latest().step == 1
        assert checkpoints.save(Checkpoint(3, {"w": torch.ones(10)}, "small again"))
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)], check=True, env=os.environ
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-000000001", "step-000000003"]


def test_a_half_written_checkpoint_is_not_seen(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(make_checkpoint(1))
    partial = tmp_path / ".partial-step-000000002"
    partial.mkdir()
    (partial / "tensors.safetensors").write_bytes(b"half")
    assert checkpoints.latest().step == 1
    assert checkpoints.save(make_checkpoint(2))
    assert checkpoints.latest().step == 2


def test_checkpoints_cost_at_most_their_share_of_the_time(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("training.learning.checkpoints.time.monotonic", lambda: now[0])

    def write():
        now[0] += 3.0

    pace = CheckpointPace(min_seconds=10.0, cost_share=0.1, waited_seconds=8.0)
    assert not pace.is_due
    now[0] += 2.0
    assert pace.is_due, "the first one comes early"
    pace.save(write)
    now[0] += 29.0
    assert not pace.is_due, "what took 3 seconds is worth repeating after 30"
    now[0] += 1.0
    assert pace.is_due


def refusal_of_steps(world, steps):
    step = steps[world.rank]
    try:
        require_same_step(None if step is None else make_checkpoint(step), world)
    except CorruptCheckpoint as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ((3, 3), None),
        ((None, None), None),
        ((3, 2), "newest complete checkpoint is of step 3, another host's is not; delete"),
        ((None, 0), "this host has no complete checkpoint, another host has one; delete"),
    ],
)
def test_processes_go_on_from_one_checkpoint_or_not_at_all(steps, told):
    found = together(2, refusal_of_steps, steps)
    assert found == told if told is None else told in found
