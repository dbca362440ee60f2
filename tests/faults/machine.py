"""What a machine does to a process that runs on it: a clock that jumps, threads and ports that are used up."""

import mmap
import os
import shutil
import struct
import subprocess
from pathlib import Path


def no_compiler() -> str:
    """What this machine lacks for a library in front of a process."""
    return "" if shutil.which("gcc") else "needs gcc"


def preloaded(source: str, directory: Path) -> Path:
    """A library to preload, of a C file beside this one."""
    library = directory / source.replace(".c", ".so")
    subprocess.run(
        ["gcc", "-O2", "-shared", "-fPIC", "-o", library, Path(__file__).with_name(source), "-ldl"], check=True
    )
    return library


class Machine:
    """The one that processes with this `environ` believe to run on; it changes at once, for all of them."""

    def __init__(self, directory: Path) -> None:
        file = directory / "machine"
        file.write_bytes(bytes(24))
        descriptor = os.open(file, os.O_RDWR)
        self._shared = mmap.mmap(descriptor, 24)
        os.close(descriptor)
        self.environ = {"LD_PRELOAD": str(preloaded("machine.c", directory)), "MACHINE": str(file)}

    def be(self, *, ahead: int = 0, no_threads: bool = False, no_ports: bool = False) -> None:
        """`ahead` is of the clock, in seconds."""
        self._shared[:] = struct.pack("3q", ahead, no_threads, no_ports)
