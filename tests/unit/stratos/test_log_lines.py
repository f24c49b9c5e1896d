"""Logs as text."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import logging, sys
from stratos.log_lines import log_to
log_to(sys.stdout, "%(levelname)s %(message)s")
logging.info("read %s", "a\\nERROR forged\\x1b[2J")
"""


def test_a_process_logs_a_record_that_no_text_can_forge():
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "INFO read a\n    ERROR forged\\u001b[2J\n"
