"""A service that misbehaves, what opens a teacher on it, and a vLLM to be believed in."""

import sys
from types import ModuleType

import pytest
import torch

from stratos.spec import OpenAICompatible
from tests.unit.training.fake_vllm import LLM, SamplingParams
from tests.unit.training.misbehaving_server import MisbehavingServer
from tests.unit.training.tiny_models import save_model
from training.teachers.openai import OpenAIService
from training.teachers.service import Patience, ServiceTeacher

QUICK = Patience(attempts=4, base_seconds=0.001, max_seconds=0.002)


@pytest.fixture
def server():
    return MisbehavingServer()


@pytest.fixture
def open_teacher(server):
    """Return what opens a teacher on the running server."""
    services = []
    with server.running() as base_url:

        def open_with(
            key="secret-key",
            budget_usd=None,
            timeout_seconds=5.0,
            max_bytes=1_000_000,
            concurrency=4,
            below=base_url,
            **prices,
        ):
            spec = OpenAICompatible(
                kind="openai", base_url=below.format(base=base_url), model="m", **prices
            )
            services.append(
                OpenAIService(spec, key, timeout_seconds=timeout_seconds, max_bytes=max_bytes)
            )
            return ServiceTeacher(
                services[-1],
                budget_usd=budget_usd,
                concurrency=concurrency,
                patience=QUICK,
                grace_seconds=0.0,
            )

        yield open_with
    for service in services:
        service.close()


@pytest.fixture
def source(tmp_path):
    return save_model(tmp_path / "teacher", seed=1)


@pytest.fixture
def installed(monkeypatch):
    """A module of vLLM's name and shape, and a GPU to be believed in."""
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams = LLM, SamplingParams
    module.__spec__ = sys.__spec__
    monkeypatch.setitem(sys.modules, "vllm", module)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
