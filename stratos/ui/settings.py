"""What the person who starts the pages allows, and what else there is to ask."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True)
class UiSettings:
    """Options of `stratos ui`.

    Attributes:
        allow_writes: Runs may be approved and rejected.
        teacher_url: Of a server that speaks OpenAI's chat completions, with the teacher in it.
        untuned_url: The same with the student as it was before training.

    Raises:
        ValueError: a URL is none.
    """

    allow_writes: bool = False
    teacher_url: str | None = None
    untuned_url: str | None = None

    def __post_init__(self) -> None:
        for url in (self.teacher_url, self.untuned_url):
            if url is not None and not _is_web_url(url):
                raise ValueError(f"{url!r} is no URL; give one such as http://127.0.0.1:8080/v1")


def _is_web_url(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https") and bool(parts.hostname)
