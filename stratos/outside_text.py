"""Text that others wrote, made data for whatever shows it.

Names of models and files, rows of datasets, answers, and the errors of servers may hold anything.
Each place that shows text escapes it in its own way; this module has those ways that no library
brings. Pages are escaped by their templates, JSON by its writer.
"""

from __future__ import annotations

import re
import unicodedata

_BIDI = "\u202a-\u202e\u2066-\u2069"
"""They turn the direction of what follows, so that it reads as something else; right-to-left text
needs none of them. https://www.unicode.org/reports/tr9/"""
_ISOLATE = re.compile("[\u2066-\u2069]")
_END_OF_ISOLATE = "\u2069"
_ACTING = re.compile(f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f{_BIDI}\\ud800-\\udfff]")
"""Halves of surrogate pairs do not act, but no UTF-8 stream takes them."""
_BREAKING = re.compile("[\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()<>#|~!&])")
_ADDRESS = re.compile(r"://|\bwww\.|\bmailto:|\bxmpp:|@", re.IGNORECASE)
"""What GitHub makes a link or a mention by itself. https://github.github.com/gfm/#autolinks-extension-"""
_LONGEST_SUBJECT = 99


def visible(text: str) -> str:
    r"""Write out what would act on a screen, or stop it: controls and turns of direction, as
    `\u001b`, and halves of surrogate pairs.

    Line ends and tabs stay. What was JSON before is the same JSON then.
    """
    return _ACTING.sub(_written, text.replace("\r\n", "\n"))


def visible_on_page(text: str) -> str:
    """The same for a page, which sets right-to-left text: there isolates that end within stay."""
    text = text.replace("\r\n", "\n")
    opened: list[int] = []
    stay: set[int] = set()
    for found in _ISOLATE.finditer(text):
        if found[0] != _END_OF_ISOLATE:
            opened.append(found.start())
        elif opened:
            stay |= {opened.pop(), found.start()}
    return _ACTING.sub(lambda found: found[0] if found.start() in stay else _written(found), text)


def one_line(text: str) -> str:
    r"""The same without an end of a line, which is written `\n`."""
    return _ACTING.sub(_written, _BREAKING.sub(_written, text))


def _written(found: re.Match[str]) -> str:
    return {"\n": r"\n", "\r": r"\r"}.get(found[0], f"\\u{ord(found[0]):04x}")


def markdown(text: str) -> str:
    """Words within a line of Markdown, or a cell of its tables: no link, no HTML, no style.

    Words with an address are code: it would be a link by itself, and a backslash would change it.
    """
    if _ADDRESS.search(text):
        return markdown_code(text)
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def markdown_code(text: str) -> str:
    """Words between backticks, in a cell or not: more of them than the words themselves hold."""
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    space = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{space}{one_line(text).replace('|', '¦')}{space}{fence}"


def slack(text: str) -> str:
    """Words of a post: no mention, no named link. https://api.slack.com/reference/surfaces/formatting

    The three characters are all that Slack wants escaped.
    """
    written = visible(text)
    return written.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def mail_subject(text: str) -> str:
    """A subject as SNS takes it: fewer than 100 printable ASCII characters on one line.

    https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    """
    letters = unicodedata.normalize("NFKD", one_line(text))
    plain = "".join(one for one in letters if not unicodedata.combining(one))
    return plain.encode("ascii", "replace").decode().strip()[:_LONGEST_SUBJECT] or "Stratos"
