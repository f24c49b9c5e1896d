"""`python -m serving`: SageMaker's container contract. SIGTERM drains, then ends."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import torch
import uvicorn
from starlette.applications import Starlette

from serving.app import Server
from serving.engine import Engine
from serving.loader import load_model

DRAIN_SECONDS = 30


def main() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    if threads := os.environ.get("OMP_NUM_THREADS"):
        torch.set_num_threads(int(threads))
    model_dir = Path(os.environ.get("SM_MODEL_DIR", "/opt/ml/model"))
    loaded = load_model(model_dir, os.environ.get("STRATOS_MODEL_NAME"))
    engine = Engine(
        loaded.model,
        eos_token_ids=loaded.eos_token_ids,
        max_tokens=loaded.max_tokens,
        num_slots=int(os.environ.get("STRATOS_NUM_SLOTS", "32")),
        max_waiting=int(os.environ.get("STRATOS_MAX_WAITING", "128")),
    )
    app = Server(loaded, engine).app()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        engine.drain(DRAIN_SECONDS)

    app.router.lifespan_context = lifespan
    uvicorn.run(
        app,
        host=os.environ.get("STRATOS_BIND_HOST", "0.0.0.0"),
        port=int(os.environ.get("SAGEMAKER_BIND_TO_PORT", "8080")),
        access_log=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


if __name__ == "__main__":
    main()
