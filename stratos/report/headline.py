"""What a run came to, for whoever pays: four figures, and how each is computed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stratos.hosting.monthly import HOURS_PER_MONTH
from stratos.pipeline.summary import RunSummary, Saving
from stratos.report.figures import constraint_rows, duration, headline_ratio, money, percent, share
from stratos.units import count, dollars, figure

_OPEN = "open"


@dataclass(frozen=True)
class Card:
    """One figure with what it means."""

    title: str
    figure: str
    told: tuple[str, ...]
    badge: str
    """CSS class of its verdict: `good`, `bad`, `open`."""
    verdict: str
    """In a word or two."""


def cards(run: RunSummary) -> list[Card]:
    """Saving, quality, constraints and cost, as far as the run got."""
    return [*_saving(run), *_quality(run), *_constraints(run), _spent(run)]


def _saving(run: RunSummary) -> Iterator[Card]:
    title = "Saving against today's teacher"
    if run.saving is None:
        if run.saving_unknown is not None:
            yield Card(title, "not known", (f"{run.saving_unknown}.",), _OPEN, "unknown")
        return
    saving = run.saving
    usd = saving.usd_per_month
    if saving.is_forecast:
        badge, verdict = _OPEN, "a forecast: nothing is in service"
    else:
        badge, verdict = ("good", "a saving") if usd > 0 else ("bad", "a loss")
    told = (
        f"{saving.teacher} would cost {dollars(saving.teacher_usd_per_month)} a month, the "
        f"student's hosting costs {dollars(saving.hosting_usd_per_month)}.",
        *_paid_back(run, saving),
    )
    amount = f"{dollars(abs(usd))} {'less' if usd > 0 else 'more'} a month"
    yield Card(title, amount, told, badge, verdict)


def _paid_back(run: RunSummary, saving: Saving) -> Iterator[str]:
    """When the run has paid for itself; of a loss, from which load on there would be none."""
    per_request = saving.teacher_usd_per_month / saving.requests_per_month
    if saving.usd_per_month > 0:
        if run.total_usd > 0:
            hours = run.total_usd / saving.usd_per_month * HOURS_PER_MONTH
            yield f"The {money(run.total_usd)} of this run come back in {duration(3600 * hours)}."
    elif per_request > 0:
        needed = saving.hosting_usd_per_month / per_request
        yield (
            f"At this load the teacher is cheaper. With the same hosting, the student pays from "
            f"about {_round(needed)} requests a month on; the spec declares "
            f"{_round(saving.requests_per_month)}."
        )


def saving_computed(saving: Saving) -> str:
    """The sum behind the saving, with every factor."""
    hosting = "would cost, as forecast," if saving.is_forecast else "costs"
    return (
        f"The spec's load is {saving.requests_per_month:,.0f} requests a month. Each has "
        f"{figure(saving.prompt_tokens, 3)} tokens at "
        f"{dollars(saving.input_usd_per_million_tokens)} a million, and its answer "
        f"{figure(saving.output_tokens, 3)} tokens at "
        f"{dollars(saving.output_usd_per_million_tokens)} a million: "
        f"{dollars(saving.teacher_usd_per_month)} at {saving.teacher}, asked one by one. Hosting "
        f"the student {hosting} {dollars(saving.hosting_usd_per_month)} for a month in service. "
        f"What it took to make the student is not in it."
    )


def _quality(run: RunSummary) -> Iterator[Card]:
    if run.student is None:
        return
    student = run.student.accuracy
    told = [f"On {student.n:,} held-out questions; 95% interval {_ends(student.lo, student.hi)}."]
    ratio = headline_ratio(run)
    badge, verdict = _OPEN, "measured"
    if run.teacher is not None and ratio is not None:
        told.append(f"The teacher: {share(run.teacher.accuracy)}.")
        value, closest = ratio
        if closest >= 1:
            badge, verdict = "good", "better than the teacher"
        elif value is not None:
            kept = f"{percent(min(value, 9.99))} of the teacher's right answers"
            told.append(f"That is {kept}, and at least {percent(closest)} by the closest ends.")
            verdict = "about as good" if value >= 0.95 else "below the teacher"
            badge = "good" if value >= 0.95 else _OPEN
    yield Card("Quality kept", f"{percent(student.value)} right", tuple(told), badge, verdict)


def _constraints(run: RunSummary) -> Iterator[Card]:
    rows = constraint_rows(run)
    if not rows:
        return
    held = [row for row in rows if row.passed]
    missed = [row.name for row in rows if row.passed is False]
    others = [f"{row.name}: {row.verdict}" for row in rows if row.passed is None]
    told = [f"Missed: {', '.join(missed)}."] if missed else []
    told += [f"{'; '.join(others)}."] if others else []
    badge, verdict = (
        ("bad", "missed") if missed else (_OPEN, "open") if others else ("good", "held")
    )
    amount = f"{len(held)} of {count(len(rows), 'constraint')} held"
    yield Card("What was asked for", amount, tuple(told) or ("All of them.",), badge, verdict)


def _spent(run: RunSummary) -> Card:
    seconds = sum(phase.seconds for phase in run.phases)
    badge = "good" if run.status == "succeeded" else _OPEN
    return Card(
        "Spent on this run",
        money(run.total_usd),
        (f"In {duration(seconds)}. Where it went is at the end.",),
        badge,
        run.status,
    )


def _ends(lo: float, hi: float) -> str:
    return f"{percent(lo)} to {percent(hi)}"


def _round(number: float) -> str:
    """To two digits: `1,300,000`."""
    return f"{float(f'{number:.2g}'):,.0f}"
