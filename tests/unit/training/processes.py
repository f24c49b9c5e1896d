"""Several processes on one CPU that train together: torchrun's variables, Gloo, FSDP2."""

import faulthandler
import multiprocessing
import os
import socket
import sys
from contextlib import suppress

import torch

from training.container.world import World

SERVER = multiprocessing.get_context("forkserver")
"""Forks from a process that does nothing else. One that runs tests has threads of its own (a server
of moto's, xdist's, OpenMP's), and a fork of it has their locks and not them."""
SERVER.set_forkserver_preload(
    ["pytest", "tests.unit.training.tiny_training", "tests.unit.training.tiny_rollouts"]
)

CURVE = {"rtol": 2e-4, "atol": 1e-5}
"""Sums over two processes are rounded in another order, and every step passes that on."""


def together(size, run, *arguments):
    """Run a function in `size` processes; return what the first one returns.

    Args:
        run: Of a module, as it is named to the processes; gets the world and the arguments.
    """
    port = _free_port()
    receiving, sending = SERVER.Pipe(duplex=False)
    processes = [
        SERVER.Process(target=_work, args=(rank, size, port, sending, run, arguments))
        for rank in range(size)
    ]
    for process in processes:
        process.start()
    sending.close()
    # Before they end: a pipe holds little, and who writes more into it waits for a reader.
    found = None
    with suppress(EOFError):
        found = receiving.recv()
    for process in processes:
        process.join()
    ended = [process.exitcode for process in processes]
    assert ended == [0] * size, f"the processes ended with {ended}; a negative number is a signal"
    return found


def _work(rank, size, port, sending, run, arguments):
    faulthandler.enable(sys.__stderr__)
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
    world = World.from_environment()
    with world.joined():
        found = run(world, *arguments)
    if world.is_first:
        sending.send(found)


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
