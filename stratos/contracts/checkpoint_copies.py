"""How often checkpoints of a job in another region are copied home."""

from __future__ import annotations

CHECKPOINT_COPY_SECONDS = 600.0
"""Between two copies: what a lost region costs at most, on top of the job's own pace of writing."""
