"""Harmless marks through every outlet of text: each comes out as data.

`tests/unit/outlets.py` finds the outlets in the code. Each has a row in `OUTLETS`: the check that
feeds it marks, or the reason why it lets out no text from outside as it is.
"""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import yaml
from aws_lambda_powertools import Logger
from markdown_it import MarkdownIt
from pydantic import TypeAdapter, ValidationError
from rich.table import Table
from rich.text import Text

from lambdas.aws import notices
from lambdas.handlers import tell_webhooks
from stratos.cli import init
from stratos.cli.screen import PlainConsole, echo, print_json
from stratos.hosting.model_package import _properties, description
from stratos.log_lines import OneRecord
from stratos.look.charts import Line, Point, axis, curves, scatter, strip
from stratos.look.pages import breakable, environment
from stratos.outside_text import one_line, visible
from stratos.pipeline.steps import Notice
from stratos.spec import Slug
from stratos.ui.templates import coded
from tests.factories import distill_result
from tests.unit.outlets import outlets
from training.student.export import describe

MARKS = {
    "html": "<b data-mark>mark",
    "quote": "\" data-mark='mark",
    "script": "</script><b data-mark>",
    "markup": "[bold]mark[/bold] :smile:",
    "colour": "\x1b[31mmark",
    "title": "\x9d0;mark\x07",
    "return": "line\rmark",
    "line": "line\n2026-01-01 00:00:00,000 INFO mark",
    "separator": "line\u2028mark",
    "direction": "mark\u202ekram",
    "isolate": "mark\u2067kram",
    "half": "mark\ud800",
    "formula": "=1+1",
    "link": "[mark](https://example.invalid)",
    "address": "https://example.invalid/a_mark www.example.invalid mark@example.invalid",
    "mention": "<!channel> <https://example.invalid|mark>",
    "heading": "\n# mark\n",
    "fence": "```\nmark",
    "cell": "mark|mark",
    "field": "mark: [",
}
ACTING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
Capture = pytest.CaptureFixture[str]


# --- terminal ---------------------------------------------------------------------------------


def printed(mark: str, capsys: Capture) -> None:
    """As words, in a table and as styled text, none of it acts."""
    table = Table("column")
    table.add_row(mark)
    screen = PlainConsole()
    screen.print(mark, soft_wrap=True)
    assert capsys.readouterr().out == f"{visible(mark)}\n"
    screen.print(Text(mark, "bold"), soft_wrap=True)
    words = visible(mark.translate({ord(one): None for one in "\r\x07"}))  # a Text has none
    assert capsys.readouterr().out == f"{words}\n"
    screen.print(table)
    assert not ACTING.search(capsys.readouterr().out)
    screen.out(mark)
    echo(mark)
    assert capsys.readouterr().out == f"{visible(mark)}\n" * 2


def printed_as_json(mark: str, capsys: Capture) -> None:
    print_json(mark)
    PlainConsole().out(json.dumps(mark, ensure_ascii=False), highlight=False)
    first, second = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert json.loads(first) == json.loads(second) == mark
    assert not ACTING.search(first + second)


# --- pages ------------------------------------------------------------------------------------


class Elements(HTMLParser):
    """The elements and the words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def on_a_page(mark: str, _: Capture) -> None:
    """Of every template, since there is one environment: between tags, in an attribute, as data."""
    template = environment().from_string(
        '<p title="{{ mark }}">{{ mark }}</p><script type="application/json">{{ mark | tojson }}'
        "</script>"
    )
    page = Elements(template.render(mark=mark))
    assert page.elements == [
        ("p", {"title": visible(mark)}),
        ("script", {"type": "application/json"}),
    ]
    words, data = page.words[: len(visible(mark))], page.words[len(visible(mark)) :]
    assert (words, json.loads(data)) == (visible(mark), mark)
    for own in (coded(f"`{mark}`"), breakable(mark)):
        assert {tag for tag, _ in Elements(str(own)).elements} <= {"code", "wbr"}


def in_a_chart(mark: str, _: Capture) -> None:
    scale = axis(mark, [0.0, 1.0])
    drawings = [
        curves(mark, [Line(mark, [(0.0, 0.0), (1.0, 1.0)])], scale, scale),
        scatter(mark, [Point(0.5, 0.5, mark, link=mark)], scale, scale, []),
        strip(mark, low=0.0, high=1.0, value=0.5),
    ]
    for drawing in drawings:
        shown = environment().from_string("<div>{{ drawing }}</div>").render(drawing=drawing)
        tree = ElementTree.fromstring(shown)
        assert not any("data-mark" in element.attrib for element in tree.iter())
        assert not ACTING.search(shown)


# --- logs -------------------------------------------------------------------------------------


def logged(mark: str, _: Capture) -> None:
    """A record has one line that begins at the margin, whatever its words or its error hold."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(OneRecord("%(levelname)s %(message)s"))
    try:
        raise ValueError(mark)
    except ValueError:
        log = logging.Logger("outside")
        log.addHandler(handler)
        log.exception("read %s", mark)
    first, *others = stream.getvalue().splitlines()
    assert first.startswith("ERROR read ")
    assert all(line.startswith("    ") for line in others)
    assert not ACTING.search(stream.getvalue())


def logged_as_json(mark: str, _: Capture) -> None:
    stream, name = io.StringIO(), f"outside {mark!r}"
    logging.getLogger(name).propagate = False  # pytest-xdist sends on no half of a pair
    Logger(service=name, stream=stream).warning(mark, extra={"reason": mark})
    (line,) = stream.getvalue().removesuffix("\n").split("\n")
    told = json.loads(line)
    assert (told["message"], told["reason"]) == (mark, mark)


# --- notices ----------------------------------------------------------------------------------


def mailed(mark: str, _: Capture) -> None:
    """The subject is one that SNS takes; nothing in the message acts."""
    published: list[dict[str, str]] = []

    class Sns:
        def publish(self, **request: str) -> None:
            published.append(request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(notices, "client", lambda _: Sns())
        patch.setattr(notices, "settings", lambda: type("Told", (), {"topic_arn": "arn"}))
        notices.send(mark * 30, mark)
    (request,) = published
    assert re.fullmatch(r"[\x21-\x7e][\x20-\x7e]{0,98}", request["Subject"])
    assert not ACTING.search(request["Message"])


def posted(mark: str, _: Capture) -> None:
    """Slack reads `text`, where a `<` begins a mention or a link."""
    notice = Notice.model_validate({"Message": mark, "Subject": mark})
    post = tell_webhooks._post(notice)
    assert not re.search("[<>]", post.text)
    assert (post.subject, post.message) == (mark, mark)  # fields of JSON, for programs


# --- files and tags ---------------------------------------------------------------------------


def in_a_model_card(mark: str, _: Capture) -> None:
    """The card has the elements that it has for plain words, and its head the same fields."""
    plain, marked = card_of("plain"), card_of(mark)
    heads = [yaml.safe_load(card.split("---\n")[1]) for card in (plain, marked)]
    assert heads[0].keys() == heads[1].keys()
    assert (heads[1]["base_model"], heads[1]["license"]) == (mark, mark.lower())
    found = [
        [tag for tag, _ in Elements(html).elements if tag not in {"br", "code"}]
        for html in (rendered(plain), rendered(marked))
    ]
    assert found[0] == found[1]
    assert not ACTING.search(marked)


def rendered(card: str) -> str:
    body = card.split("---\n", 2)[2]
    return MarkdownIt("commonmark").enable("table").render(body)


def card_of(words: str) -> str:
    from tests.unit.training.student.test_export import config_of

    config = config_of("float16")
    student = config.student.model_copy(update={"path": words, "licence": words})
    judging = config.judging.model_copy(update={"answer_marker": words})
    config = config.model_copy(update={"student": student, "judging": judging, "rights": (words,)})
    with pytest.MonkeyPatch.context() as patch:
        files: dict[str, str] = {}
        patch.setattr(
            "pathlib.Path.write_text",
            lambda path, text, **_: files.setdefault(path.name, text) and len(text),
        )
        describe(
            init.Path("no-such-folder"),
            config,
            distill_result(),
            base=words,
            records_sha256="0",
            num_records=1,
        )
    return files["README.md"]


def in_a_first_spec(mark: str, _: Capture) -> None:
    line = f"dataset: {init._yaml(mark)}  # read as csv"
    assert yaml.safe_load(line) == {"dataset": mark}
    assert len(line.splitlines()) == 1


def as_a_tag(mark: str, _: Capture) -> None:
    """A spec's name is a tag's value and a part of names; the registry has its own alphabet."""
    with pytest.raises(ValidationError):
        TypeAdapter(Slug).validate_python(mark)
    (value,) = _properties({"teacher": mark}).values()
    assert re.fullmatch(r"[\w .:/=+\-@]{1,256}", value)
    assert description(mark) == one_line(" ".join(mark.split()))


Check = Callable[[str, Capture], None]
OURS = "words of ours alone"
DATA = "JSON, or the file as it came"
OUTLETS: dict[tuple[str, str], Check | str] = {
    ("terminal", "stratos/cli/screen.py"): printed,
    ("terminal", "stratos/cli/invoke.py"): printed_as_json,
    ("terminal", "stratos/cli/app.py"): "the version",
    ("terminal", "stratos/ui/command.py"): "an address of ours",
    ("terminal", "stratos/docs.py"): OURS,
    ("terminal", "stratos/catalog/rendering.py"): "a pipe to the process that asked",
    ("terminal", "serving/llama_cpp/server.py"): "a pipe to the process that started it",
    ("terminal", "infra/local/cli.py"): "JSON, and the template's own names",
    ("terminal", "infra/local/iam/coverage.py"): "the template's own names",
    ("page", "stratos/look/pages.py"): on_a_page,
    ("page", "stratos/ui/templates.py"): "renders by stratos/look/pages.py",
    ("page", "stratos/ui/guard.py"): OURS,
    ("page", "stratos/ui/pages.py"): "a run's report, made by a template, under its own policy",
    ("log", "stratos/log_lines.py"): logged,
    ("log", "lambdas/step.py"): logged_as_json,
    ("notice", "lambdas/aws/notices.py"): mailed,
    ("notice", "lambdas/handlers/tell_webhooks.py"): posted,
    ("notice", "stratos/cli/notify.py"): OURS,
    ("notice", "infra/local/events/targets.py"): "AWS's own event",
    ("notice", "infra/local/saved/acknowledged.py"): DATA,
    ("file", "training/container/confinement.py"): "a number of ours, to the kernel",
    ("file", "training/student/export.py"): in_a_model_card,
    ("file", "stratos/cli/init.py"): in_a_first_spec,
    ("file", "stratos/cli/batch.py"): DATA,
    ("file", "stratos/cli/catalog.py"): DATA,
    ("file", "stratos/cli/plan.py"): "a page of stratos/look/pages.py, and JSON",
    ("file", "stratos/cli/report.py"): "a run's report and run.json, as they are in the bucket",
    ("file", "stratos/docs.py"): OURS,
    ("file", "serving/export/settings.py"): DATA,
    ("file", "training/learning/checkpoints.py"): DATA,
    ("file", "training/models/gguf_folder.py"): DATA,
    ("file", "training/teachers/cached.py"): DATA,
    ("file", "infra/local/host/changed_while_running.py"): DATA,
    ("file", "infra/local/host/process_list.py"): "numbers and times of processes",
    ("file", "infra/local/sagemaker/training/first_process.py"): DATA,
    ("file", "infra/local/saved/state.py"): DATA,
    ("file", "infra/local/server.py"): DATA,
    ("tag", "stratos/hosting/ownership.py"): as_a_tag,
    ("tag", "lambdas/aws/run_roles.py"): "names of stack, run and spec, which are slugs",
    ("tag", "lambdas/regions/standing.py"): OURS,
    ("tag", "lambdas/serving/staging.py"): "those of stratos/hosting/ownership.py",
    ("tag", "stratos/cli/batch.py"): "a name of ours",
    ("tag", "stratos/deploying/changes.py"): "the template's own",
    ("tag", "infra/local/cloudformation/resources/handler.py"): "the template's own",
    ("tag", "infra/local/iam/actions/bedrock.py"): "a request's, which is judged",
    ("tag", "infra/local/saved/objects.py"): DATA,
}


def test_every_outlet_of_text_has_its_row():
    found = outlets()
    assert found - OUTLETS.keys() == set(), "add a row with a check, or the reason for none"
    assert OUTLETS.keys() - found == set(), "this is no outlet any more"
    assert all(OUTLETS.values())
    # A cell that begins with =, + or - is a formula to a spreadsheet: escape it, if a table comes.
    assert "table" not in {kind for kind, _ in found}


CHECKS = [*(check for check in OUTLETS.values() if callable(check)), in_a_chart]


@pytest.mark.parametrize("name", MARKS)
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_a_mark_comes_out_as_data(check, name, capsys):
    check(MARKS[name], capsys)
