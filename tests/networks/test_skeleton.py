"""Networks without contents."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from backend.avatars.real3d.network import Real3DConfig, Real3DNetwork
from backend.motion.audio_to_motion import AudioToMotion, AudioToMotionConfig
from backend.networks.plane_to_grid import PlaneToGridConfig
from backend.networks.skeleton import skeleton
with skeleton():
    networks = [
        Real3DNetwork(Real3DConfig(plane_to_grid=PlaneToGridConfig(depth=3))), AudioToMotion(AudioToMotionConfig())
    ]
assert all(tensor.is_meta for network in networks for tensor in network.state_dict().values())
print([name for name in ("torch._dynamo", "sympy") if name in sys.modules])
"""


def test_nothing_is_drawn_and_no_compiler_imported() -> None:
    """In a process of its own, for others may have imported it."""
    ran = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert ran.stdout.strip() == "[]", ran.stderr
