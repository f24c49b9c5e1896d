import pytest

from stratos.dataset.inspection import Inspection, Lengths
from stratos.dataset.logged import require_replies
from stratos.errors import DatasetRejected
from tests import factories

NO_LENGTHS = Lengths(mean=0, p50=0, p95=0, max=0)


def inspection(**replies):
    return Inspection(
        formats={},
        num_lines=3,
        num_bad_lines=0,
        bad_lines=(),
        num_exact_duplicates=0,
        num_near_duplicates=0,
        num_contradictions=0,
        num_groups=3,
        num_records={"train": 1, "probe": 1, "heldout": 1},
        num_gold=0,
        num_replies=replies,
        prompt_characters=NO_LENGTHS,
        gold_characters=NO_LENGTHS,
        num_distinct_answers=0,
        most_common_answer=None,
        most_common_share=0.0,
        workloads={},
    )


LOGS = factories.spec(teachers=[{"kind": "logs"}])


def test_replies_to_learn_and_to_judge_are_enough():
    require_replies(LOGS, inspection(train=5, probe=5, heldout=0))


def test_a_spec_without_logs_needs_no_replies():
    require_replies(factories.spec(), inspection())


@pytest.mark.parametrize(
    ("replies", "named"),
    [
        ({}, "no train and no probe"),
        ({"train": 1, "probe": 0}, "no probe"),
        ({"probe": 1}, "no tr"),
    ],
)
def test_where_none_is_logged_the_dataset_is_refused(replies, named):
    with pytest.raises(DatasetRejected, match=f"`kind: logs`, and {named}"):
        require_replies(LOGS, inspection(**replies))
