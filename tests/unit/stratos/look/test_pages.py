"""What every page shares: it can be read in both schemes, and escapes what it is given."""

from __future__ import annotations

import re

import pytest
from markupsafe import Markup

from stratos.look.pages import breakable, environment, stylesheet

INK_ON_GROUND = [
    ("ink", "paper"),
    ("ink", "card"),
    ("ink", "accent-soft"),
    ("ink", "bad-soft"),
    ("ink", "open-soft"),
    ("dim", "paper"),
    ("dim", "card"),
    ("accent", "paper"),
    ("accent", "accent-soft"),
    ("good", "good-soft"),
    ("bad", "bad-soft"),
    ("bad", "paper"),
    ("open", "open-soft"),
    ("open", "paper"),
    ("on-accent", "accent"),
]


def schemes() -> dict[str, dict[str, str]]:
    """Colours of the light scheme, and of the dark one where it differs."""
    light, dark = re.findall(r":root \{(.+?)\}", stylesheet(), re.DOTALL)[:2]
    tokens = {name: dict(re.findall(r"--([\w-]+): (#\w{6})", text)) for name, text in
              (("light", light), ("dark", dark))}  # fmt: skip
    assert tokens["light"].keys() == tokens["dark"].keys()
    return tokens


def luminance(colour: str) -> float:
    """Relative luminance. https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), INK_ON_GROUND)
def test_words_stand_out_from_their_ground(scheme: str, ink: str, ground: str) -> None:
    colours = schemes()[scheme]
    darker, lighter = sorted(luminance(colours[name]) for name in (ink, ground))
    assert (lighter + 0.05) / (darker + 0.05) >= 4.5


def test_the_stylesheet_brings_nothing_from_elsewhere() -> None:
    assert not re.search(r"url\(|@import|https?:|@font-face|</", stylesheet())


def test_what_a_template_is_given_is_escaped_and_its_style_is_not() -> None:
    made = environment().from_string("<style>{{ stylesheet }}</style>{{ name }}")
    page = made.render(name="<b>x</b>")
    assert page.endswith("&lt;b&gt;x&lt;/b&gt;")
    assert "html { -webkit" in page


def test_an_isolate_ends_within_its_text_or_is_written_out() -> None:
    made = environment().from_string(
        "{% macro cell(it) %}<td>{{ it }}</td>{% endmacro %}"
        "{{ cell(one) }}<i title='{{ two }}'>{{ three }}</i>"
    )
    page = made.render(one="\u2067שלום\u2069", two="\u2067", three="\u2069\u202e")
    assert page == ("<td>\u2067שלום\u2069</td><i title='\\u2067'>\\u2069\\u202e</i>")
    joined = environment().from_string("{{ made }}")
    assert joined.render(made=Markup("<b>\u2067</b>\u2069")) == r"<b>\u2067</b>\u2069"


def test_a_long_name_may_be_broken_between_its_words_and_is_escaped() -> None:
    assert breakable("max_p95_ms") == "max_<wbr>p95_<wbr>ms"
    assert breakable("<i>_b") == "&lt;i&gt;_<wbr>b"
