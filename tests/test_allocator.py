"""Memory that was freed is used again without the system's help."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import ctypes, resource
from backend.allocator import keep_freed_memory
ctypes.CDLL(None).prctl(41, 1, 0, 0, 0)  # PR_SET_THP_DISABLE: huge pages would be too few to count
{first}
for _ in range(3):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    bytearray(64 << 20)  # writes to all of it
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(first: str) -> int:
    """How many pages a process takes to write to 64 MiB that it has had and freed before."""
    command = [sys.executable, "-c", PROGRAM.format(first=first)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_freed_blocks_are_used_again() -> None:
    kept, given_back = new_pages("keep_freed_memory()"), new_pages("")
    assert kept < 500 < given_back


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_what_is_kept_can_be_given_back() -> None:
    program = """
from backend.allocator import give_back_freed_memory, keep_freed_memory
from backend.evaluation.measurements import memory_now
keep_freed_memory()
blocks = [bytearray(b"x" * (1 << 20)) for _ in range(64)]
end = bytearray(1000)
del blocks
kept = memory_now()
give_back_freed_memory()
print(kept - memory_now())
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert float(ran.stdout) > 48  # MiB
