"""This machine's own servers, measured: `ml.local.cpu1`, `ml.local.cpu2`, …"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime

from stratos.catalog.servers import ANY_REGION, PRICED_USES, InstanceType, Price, ServerCatalog
from stratos.frozen import FrozenModel
from stratos.units import GIB

_NOTIONAL_TYPE = "ml.c7i.xlarge"
_NOTIONAL_REGION = "us-east-1"

_PROGRAM = """
import json, sys, threading, time
import numpy as np

threads = int(sys.argv[1])


def best_rate(work, action, seconds=0.6):
    action()
    best, end = 0.0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        action()
        best = max(best, work / (time.perf_counter() - start))
    return best


def together(work, make_action):
    rates = []
    workers = [
        threading.Thread(target=lambda: rates.append(best_rate(work, make_action())))
        for _ in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(rates)


def product():
    # Small enough that one product often ends before another process takes the core.
    a = np.ones((512, 512), dtype=np.float32)
    out = np.empty_like(a)
    return lambda: np.matmul(a, a, out=out)


def copy():
    source = np.ones(16 * 2**20, dtype=np.float32)  # 64 MiB: beyond the caches
    target = np.empty_like(source)
    return lambda: np.copyto(target, source)


def many_small():
    small = np.ones(8, dtype=np.float32)
    for _ in range(1000):
        np.add(small, small, out=small)


print(json.dumps({
    "flop_per_second": together(2 * 512**3, product),
    "bytes_per_second": together(2 * 64 * 2**20, copy),
    "operations_per_second": best_rate(1000, many_small),
}))
"""


class Rates(FrozenModel):
    """What this many threads reach; the best of many repetitions."""

    flop_per_second: float
    """float32 matrix product, 512 wide."""
    bytes_per_second: float
    """Memory read plus written by a copy larger than the caches."""
    operations_per_second: float
    """Small array operations, which cost dispatch and nothing else."""


def measure_rates(threads: int) -> Rates:
    """Measure this many single-threaded workers side by side, in a process of their own.

    One product spread over several threads would wait for the slowest at every barrier, and any
    other process on the machine would spoil the figure. Takes about 2 s.
    """
    # BLAS reads its thread count once, at start.
    one = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(threads)],
        env=os.environ | one,
        check=True,
        capture_output=True,
        text=True,
    )
    return Rates.model_validate_json(done.stdout)


def measure_local_servers(max_threads: int | None = None) -> ServerCatalog:
    """Return this machine as instance types of 1, 2, 4, … and `max_threads` threads, measured.

    Prices are notional: those of as many vCPUs of ml.c7i, so that a smaller server is cheaper.
    """
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    most = max_threads or available or os.cpu_count() or 1
    counts = sorted({most} | {2**k for k in range(3) if 2**k <= most})
    rows, best = [], None
    for threads in counts:
        best = at_least(measure_rates(threads), best)
        rows.append(local_server(threads, best))
    return ServerCatalog(as_of=datetime.now(UTC).date(), instance_types=tuple(rows))


def at_least(rates: Rates, fewer_threads: Rates | None) -> Rates:
    """Rates at least as high as with fewer threads: if lower, other processes were in the way."""
    if fewer_threads is None:
        return rates
    return Rates.model_validate(
        {
            name: max(value, getattr(fewer_threads, name))
            for name, value in rates.model_dump().items()
        }
    )


def local_server(threads: int, rates: Rates) -> InstanceType:
    """Describe a share of this machine as an instance type."""
    c7i = ServerCatalog.aws()[_NOTIONAL_TYPE]
    today = datetime.now(UTC).date()
    prices = []
    for component in PRICED_USES:
        price = c7i.price(_NOTIONAL_REGION, component)
        if price is None:
            raise LookupError(f"the catalog has no price of {_NOTIONAL_TYPE}; run catalog check")
        prices.append(
            Price(
                region=ANY_REGION,
                component=price.component,
                usd_per_hour=round(price.usd_per_hour / c7i.vcpu * threads, 6),
                kind="notional",
                grade="B",
                as_of=today,
                source=f"notional: {_NOTIONAL_TYPE} per vCPU × {threads}; this machine is free",
            )
        )
    tflops = rates.flop_per_second / 1e12
    return InstanceType(
        instance_type=f"ml.local.cpu{threads}",
        vcpu=threads,
        memory_gib=_memory_gib(),
        tflops_32bit=tflops,
        memory_bandwidth_gb_per_s=rates.bytes_per_second / 1e9,
        bfloat16=False,
        training=True,
        hosting=True,
        measured=True,
        dispatch_us=1e6 / rates.operations_per_second,
        prices=tuple(prices),
        source=f"measured on {platform.machine()} {platform.system()} with {threads} threads",
    )


def _memory_gib() -> float:
    return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / GIB, 2)
