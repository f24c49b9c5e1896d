"""The page on which one question is put to several models."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from stratos.cli.runs import read_object
from stratos.contracts.bucket import RunKeys
from stratos.contracts.run import RunRow
from stratos.errors import NotAllowed
from stratos.pipeline.summary import RunSummary
from stratos.spec import Spec
from stratos.ui.asking import LONGEST_QUESTION, Askable, PlaygroundAnswer, askable, put
from stratos.ui.deciding import read_form
from stratos.ui.pages import Pages
from stratos.ui.settings import UiSettings

DEFAULT_TOKENS = 256
MOST_TOKENS = 8192


class Playground:
    """Asks what can be asked; says of the rest why it cannot."""

    def __init__(self, pages: Pages, settings: UiSettings) -> None:
        self._pages, self._settings = pages, settings

    def page(self, request: Request) -> Response:
        row, summary, models = self._models(request)
        number, question = request.query_params.get("example", ""), ""
        if number.isdecimal() and int(number) < len(summary.examples):
            question = summary.examples[int(number)].question
        return self._shown(row, summary, models, question, DEFAULT_TOKENS)

    async def ask(self, request: Request) -> Response:
        return await run_in_threadpool(self._ask, request, await read_form(request))

    def _ask(self, request: Request, form: dict[str, str]) -> Response:
        question = form.get("question", "").strip()
        if not question or len(question) > LONGEST_QUESTION:
            raise NotAllowed(f"a question has 1 to {LONGEST_QUESTION:,} characters")
        max_tokens = _tokens(form.get("max_tokens", ""))
        row, summary, models = self._models(request)
        asked = [one for one in models if form.get(f"ask_{one.who}") and one.ask is not None]
        if not asked:
            raise NotAllowed("nobody is asked: tick at least one of those that can be")

        def answer(one: Askable) -> PlaygroundAnswer:
            confirmed = bool(form.get(f"confirm_{one.who}"))
            return put(one, question, max_tokens, confirmed=confirmed)

        with ThreadPoolExecutor(len(asked)) as threads:
            answers = list(threads.map(answer, asked))
        return self._shown(row, summary, models, question, max_tokens, answers)

    def _shown(
        self,
        row: RunRow,
        summary: RunSummary,
        models: Sequence[Askable],
        question: str,
        max_tokens: int,
        answers: Sequence[PlaygroundAnswer] = (),
    ) -> Response:
        return self._pages.templates.page(
            "playground",
            row=row,
            summary=summary,
            models=models,
            question=question,
            max_tokens=max_tokens,
            answers=answers,
        )

    def _models(self, request: Request) -> tuple[RunRow, RunSummary, tuple[Askable, ...]]:
        stack, run, summary, _ = self._pages.facts(request)
        text = read_object(stack, RunKeys(run.row.run_id).spec)
        spec = None if text is None else Spec.model_validate_json(text)
        return run.row, summary, askable(stack, run.row, summary, spec, self._settings)


def _tokens(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= MOST_TOKENS:
        raise NotAllowed(f"the longest answer is {text!r} tokens; give 1 to {MOST_TOKENS:,}")
    return int(text)
