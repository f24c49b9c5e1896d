from training.container.failure import report_failure


def test_a_failure_is_its_name_and_message_cut_where_sagemaker_cuts(tmp_path):
    report_failure(tmp_path / "output", KeyError("x" * 2000))
    text = (tmp_path / "output" / "failure").read_text()
    assert text.startswith("KeyError: 'xxx")
    assert len(text) == 1024


def test_a_cause_takes_the_place_of_what_followed_from_it(tmp_path):
    report_failure(tmp_path, RuntimeError("Connection closed by peer"))
    report_failure(tmp_path, MemoryError("the kernel ended it"), is_cause=True)
    assert (tmp_path / "failure").read_text() == "MemoryError: the kernel ended it"


def test_the_first_failure_of_a_job_is_kept(tmp_path):
    report_failure(tmp_path, ValueError("the cause"))
    report_failure(tmp_path, RuntimeError("what followed"))
    assert (tmp_path / "failure").read_text() == "ValueError: the cause"
