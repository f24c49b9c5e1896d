"""One cloud for each test module."""

from tests.integration.pipeline.cloud import cloud

__all__ = ["cloud"]
