"""The stack that the pages show: found when it is needed, and looked for again after a fault."""

from __future__ import annotations

import threading
from collections.abc import Callable

from stratos.cli.stack import Stack, read_credentials_again


class SharedStack:
    """The one stack of the server, for all of its threads."""

    def __init__(self, find: Callable[[], Stack] | None = None) -> None:
        self._find = find or Stack.find
        self._lock = threading.Lock()
        self._stack: Stack | None = None

    def stack(self) -> Stack:
        """Return the stack with its clients.

        Raises:
            StackNotFound: with what to set or deploy.
        """
        with self._lock:
            if self._stack is None:
                found = self._find()
                # boto3 may be used by many threads, but clients are to be made by one at a time.
                _ = found.s3, found.table, found.states, found.sagemaker
                self._stack = found
            return self._stack

    def forget(self) -> None:
        """Look for it anew, with the credentials of then."""
        with self._lock:
            self._stack = None
            read_credentials_again()
