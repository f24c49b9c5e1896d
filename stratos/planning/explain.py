"""Why nothing fits, with the nearest plans; and why a precision was chosen."""

from __future__ import annotations

import numpy as np

from stratos.hosting.modes.interface import HostingMode
from stratos.planning.arrays import Integers
from stratos.planning.candidates.pairing import Pairing
from stratos.planning.candidates.pool import Pool
from stratos.planning.forecast.llama_cpp import memory_gib
from stratos.planning.forecast.server_table import ServerRow
from stratos.planning.forecast.transformer import transformer
from stratos.planning.front import non_dominated
from stratos.planning.limits import Limit
from stratos.planning.places import Places
from stratos.planning.request import PlanningRequest
from stratos.units import figure, quantity

NEAREST = 3


def nearest(limits: list[Limit]) -> Integers:
    """Candidates that need the smallest joint relaxations: non-dominated in relative violation."""
    violations = np.column_stack([limit.violation() for limit in limits])
    rows = non_dominated(violations)
    order = np.argsort(violations[rows].sum(axis=1), kind="stable")
    return np.asarray(rows[order][:NEAREST], dtype=np.int64)


def unattainable(limits: list[Limit]) -> str:
    """What cannot be held, alone or together."""
    alone = [limit for limit in limits if not limit.holds.any()]
    if alone:
        return "; ".join(
            f"{x.name}: {_shown(x, x.asked)} {'is the default' if x.by_default else 'was asked'}, "
            f"at best {_shown(x, x.best())} is attainable"
            for x in alone
        )
    names = ", ".join(f"{x.name} {_shown(x, x.asked)}" for x in limits)
    return f"each of {names} can be held alone, but no plan holds all together"


def explanation(limits: list[Limit], pool: Pool) -> str:
    """One message: what is unattainable, and which relaxed spec would have a plan."""
    offers = []
    for row in nearest(limits):
        changes = [
            f"{x.name}: {relaxed(x, float(x.reached[row]))}" for x in limits if not x.holds[row]
        ]
        pairing = pool.pairings[pool.pairing[row]]
        training = pool.training.rows[pool.training_row[row]]
        serving = pool.serving.rows[pool.serving_row[row]]
        mode = pool.serving_side.mode_offers.modes[pool.mode[row]]
        offers.append(
            f"{' and '.join(changes)} allows {pairing.student.name} taught by "
            f"{pairing.teacher.name} ({pairing.method}) on {training.instance.instance_type} in "
            f"{training.region}, served by {_endpoint(serving, mode)} in "
            f"{' and '.join(pool.served_in(int(row)))}"
        )
    head = f"No plan holds every constraint. {unattainable(limits)}. Nearest:"
    return "\n- ".join((head, *offers))


def why_precision(request: PlanningRequest, pool: Pool, row: int) -> str:
    """What a CPU endpoint would take and lose in each precision, on the server of one candidate."""
    pairing, position = pool.pairings[pool.pairing[row]], int(pool.serving_row[row])
    server = pool.serving.rows[position]
    if pairing.served_on != "cpu":
        return ""
    chosen, slots = pairing.serving.on_cpus, int(pool.slots[row])
    fleet = Places(request, pool, row).fleet

    def told(served: Pairing) -> str:
        student = transformer(served.student)
        work = served.work if fleet is None else fleet.main.share_of(served.work)
        outlook = pool.serving_side.outlook(student, served.serving, work)
        p95_ms = float(outlook.latency_ms["p95_latency_ms"][position])
        taken = memory_gib(student, served.serving.on_cpus, served.serving.slot_tokens, slots)
        clauses = [f"p95 {p95_ms:,.0f} ms", f"{figure(taken, 2)} GiB"]
        if served.quantised_to is not None:
            loss = served.accuracy_in_full().value * served.lost_share.value
            clauses.append(f"{loss:.1%} of answers lost, assumed until measured")
        return f"{served.serving.on_cpus} ({', '.join(clauses)})"

    slot_tokens = pairing.serving.slot_tokens
    others = [told(pairing.on_cpus(p, slot_tokens)) for p in pairing.cpu_precisions if p != chosen]
    named = request.spec.hosting.precision != "auto"
    head = f"{told(pairing)}{', as hosting.precision says' if named else ''}"
    return f"{head}; on the same {server.instance.instance_type}: {', '.join(others)}"


def _endpoint(serving: ServerRow, mode: HostingMode) -> str:
    if serving.stand_in:
        return f"a {mode.name} endpoint"
    return f"{serving.count} × {serving.instance.instance_type} ({mode.name})"


def relaxed(limit: Limit, reached: float) -> str:
    """A value just loose enough, rounded to the lax side at three digits, to write into a spec."""
    if reached <= 0:
        return figure(reached, grouped=False)
    step = 10.0 ** (np.floor(np.log10(reached)) - 2)
    rounded = np.floor(reached / step) * step if limit.at_least else np.ceil(reached / step) * step
    return figure(float(rounded), grouped=False)


def _shown(limit: Limit, value: float) -> str:
    return f"{'>=' if limit.at_least else '<='} {quantity(limit.name, value)}"
