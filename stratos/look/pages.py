"""Pages from templates: each one file that holds its style, and needs no network."""

from __future__ import annotations

import re
from importlib import resources

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from stratos.outside_text import visible_on_page

_BETWEEN_TAGS = re.compile(r"""[^<>"']+""")
"""One text, or an attribute's value: an isolate ends within it, or is written out."""


def stylesheet() -> str:
    """The look of every page, as CSS."""
    return _text("look/look.css")


def environment() -> Environment:
    """Templates of `stratos`, named by their path in it; whatever they are given is escaped."""
    made = Environment(
        autoescape=True,
        finalize=_shown,
        loader=FunctionLoader(_text),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["breakable"] = breakable
    made.globals["stylesheet"] = Markup(stylesheet())
    return made


def _shown(value: object) -> object:
    """Words as a page shows them: nothing in them turns the direction of what follows."""
    match value:
        case Markup():
            return Markup(_BETWEEN_TAGS.sub(lambda found: visible_on_page(found[0]), value))
        case str():
            return visible_on_page(value)
        case _:
            return value


def breakable(name: str) -> Markup:
    """A name of several words, such as `max_p95_latency_ms`, that may be broken between them."""
    return Markup("_<wbr>").join(name.split("_"))


def _text(path: str) -> str:
    return resources.files("stratos").joinpath(path).read_text("utf-8")
