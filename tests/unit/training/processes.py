"""Several processes on one CPU that train together: torchrun's variables, Gloo, FSDP2."""

import multiprocessing
import os
import socket
from contextlib import suppress

import torch

from training.container.world import World

FORK = multiprocessing.get_context("fork")

CURVE = {"rtol": 2e-4, "atol": 1e-5}
"""Sums over two processes are rounded in another order, and every step passes that on."""


def together(size, run):
    """Run a function of the world in `size` processes; return what the first one returns."""
    port = _free_port()

    def work(rank, sending):
        torch.set_num_threads(1)
        os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        os.environ |= {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank)}
        world = World.from_environment()
        with world.joined():
            found = run(world)
        if world.is_first:
            sending.send(found)

    receiving, sending = FORK.Pipe(duplex=False)
    processes = [FORK.Process(target=work, args=(rank, sending)) for rank in range(size)]
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


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
