"""`stratos batch` where there is nothing to ask."""

from __future__ import annotations

import pytest

from stratos.cli import batch
from stratos.cli.runs import find_run
from stratos.errors import (
    ModelNotFound,
)
from tests.unit.stratos.cli.stack_contents import put_run


@pytest.mark.parametrize(
    ("attributes", "problem"),
    [
        ({"endpoint_name": "stratos-r"}, "ask it with `stratos invoke`"),
        ({"status": "failed"}, "is failed and has no model for batches"),
        ({"batch_model_name": "stratos-r-1-a0"}, "deployment.json of run r-1 is gone"),
    ],
)
def test_a_run_without_a_model_for_batches_is_explained(stack, tmp_path, attributes, problem):
    put_run(stack, **attributes)
    questions = tmp_path / "q.txt"
    questions.write_text("one\n")
    with pytest.raises(ModelNotFound, match=problem):
        batch.ask(stack, find_run(stack, "r-1"), questions, tmp_path, print, print)
