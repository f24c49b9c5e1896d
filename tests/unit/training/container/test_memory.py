from training.container.memory import num_memory_kills


def test_kills_are_read_from_the_control_group_of_either_version(tmp_path):
    second = tmp_path / "memory.events"
    second.write_text("low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 0\n")
    assert num_memory_kills([second]) == 2
    first = tmp_path / "memory.oom_control"
    first.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 1\n")
    assert num_memory_kills([tmp_path / "missing", first]) == 1


def test_nothing_is_said_where_the_count_cannot_be_read(tmp_path):
    (tmp_path / "memory.events").write_text("low 0\n")
    assert num_memory_kills([tmp_path / "memory.events", tmp_path / "missing"]) is None
