#!/usr/bin/env bash
# SkyPilot's unconditional autodown counts anew when its daemon restarts, and never ends a machine
# that was rebooted.
#
# Seen with: skypilot 0.14.1, Python 3.11.
# Expected: `autostop: {idle_minutes: 60, down: true, wait_for: none}`, of which the command line
# says "Wait for nothing; autostop right after idle_minutes", ends the machine an hour after the
# launch, whatever happens on it. It is the nearest thing to a deadline that SkyPilot has.
# Seen, with the daemon's own event on a clock that is set: undisturbed, it does. A restart of the
# daemon at minute 50 moves the end to minute 110. A reboot at minute 50 voids it: the boot time no
# longer matches, so the event resets the count for ever, and says so in a debug line only.
# Exits with 1 if any of this changes.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3.11}" -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet 'skypilot[aws]==0.14.1'
HOME="$folder" SKYPILOT_DISABLE_USAGE_COLLECTION=1 "$folder/venv/bin/python" - <<'PYTHON'
import time

import psutil

from sky.backends.cloud_vm_ray_backend import CloudVmRayBackend
from sky.skylet import autostop_lib, events

now, boot, ended = [1_000_000.0], [1.0], []
time.time = lambda: now[0]
psutil.boot_time = lambda: boot[0]
events.StopEvent._stop_cluster = lambda self, config: ended.append(now[0])


def launched():
    ended.clear()
    event = events.StopEvent()
    for minutes in (-1, 60):
        autostop_lib.set_autostop(
            minutes, CloudVmRayBackend.NAME, autostop_lib.AutostopWaitFor.NONE, down=True
        )
    return event


def ends_within(minutes, event):
    for _ in range(minutes):
        now[0] += 60
        event._run()
        if ended:
            return True
    return False


undisturbed = ends_within(61, launched())
ends_within(50, launched())
restarted = ends_within(50, events.StopEvent())
ends_within(50, launched())
boot[0] += 3000
rebooted = ends_within(1_000, events.StopEvent())
print("undisturbed, ended within 61 minutes                     :", undisturbed)
print("daemon restarted at minute 50, ended within minute 100    :", restarted)
print("machine rebooted at minute 50, ended within 1,000 minutes :", rebooted)
assert (undisturbed, restarted, rebooted) == (True, False, False)
PYTHON
