"""Whether a dataset has the logged replies that a spec wants to be learned."""

from __future__ import annotations

from stratos.dataset.inspection import Inspection
from stratos.errors import DatasetRejected
from stratos.spec import Spec


def require_replies(spec: Spec, found: Inspection) -> None:
    """Raise if a spec learns logged replies and there is none to learn.

    Raises:
        DatasetRejected: saying what was found and what is needed.
    """
    if not spec.learns_logs:
        return
    lacking = [split for split in ("train", "probe") if not found.num_replies.get(split)]
    if lacking:
        raise DatasetRejected(
            f"teachers name `kind: logs`, and no {' and no '.join(lacking)} record of the dataset "
            "has a logged reply: add the replies, such as an assistant's last message, or name a "
            "live teacher instead"
        )
