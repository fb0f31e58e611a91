"""A speech file to a motion clip by the published audio-to-motion network, which speaks the Basel Face Model.

Its expressions go into the clip twice: exactly, for avatars made with that model, and as ARKit's facial actions, which
are keys in Blender and drive every avatar. Blinks are added to both as a motion of the face (the published system
paints them into the PNCC); gaze and the head's motion are those of :mod:`backend.motion.animate`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from backend.avatars.real3d.bfm import load_basel_model
from backend.avatars.real3d.bfm_actions import BaselActions
from backend.avatars.real3d.checkpoint import load_real3d
from backend.motion.analysis import listen
from backend.motion.animate import perform
from backend.motion.audio_to_motion import AudioToMotion
from backend.motion.hubert import Hubert
from backend.motion.settings import MotionSettings
from backend.motion.speech_expressions import ExpressionSettings, speech_expressions
from backend.networks.skeleton import skeleton
from shared.errors import LimnerError
from shared.motion import MotionClip
from shared.progress import Progress, part, silent

FPS = 25.0  # of the network
# what the network does itself
_LAYERS = MotionSettings()
LAYERS = replace(_LAYERS, mouth=replace(_LAYERS.mouth, amplitude=0.0), brows=0.0, idle=0.0)


def animate_published(
    source: Path,
    weights: Path,
    hubert: Path,
    bfm: Path,
    fps: float = FPS,
    seed: int = 0,
    progress: Progress = silent,
) -> MotionClip:
    """Motion of a face that says what a file says, as Real3D-Portrait finds it.

    Args:
        source: any file with sound, of any length.
        weights: what ``limner import-real3d`` wrote, of a folder with ``audio2secc_vae``.
        hubert: folder of ``facebook/hubert-large-ls960-ft``.
        bfm: folder of the user's Basel Face Model.
        fps: frames a second of the clip; the network's 25 are interpolated.
        seed: of the network's dice, blinks, gaze and head motion.
        progress: told how far it is; may raise ``Cancelled``.

    Returns:
        A clip with ``expression``, as long as the sound.

    Raises:
        LimnerError: ``WEIGHTS_UNSUITABLE`` without the audio-to-motion network, what reading the three and
            :func:`backend.motion.speech_expressions.speech_expressions` raise.
    """
    progress(0.0, "Loading the networks")
    actions = BaselActions.of(load_basel_model(bfm))
    network = _network(weights)
    listener = Hubert.load(hubert, network.config.audio)
    found = speech_expressions(source, network, listener, ExpressionSettings(seed=seed), part(progress, 0.05, 0.7))
    del network, listener
    layers = perform(listen(source, part(progress, 0.7, 0.8)), fps, seed, part(progress, 0.8, 0.85), LAYERS)
    times, own = np.arange(len(layers)) / fps, np.arange(len(found)) / FPS
    expression = np.stack([np.interp(times, own, values) for values in found.T], axis=1)
    spoken = actions.coefficients(expression, part(progress, 0.85, 1.0))
    progress(1.0, "Finding the facial actions")
    coefficients = np.maximum(spoken, layers.coefficients)
    expression = expression + actions.expressions(coefficients - spoken)
    return MotionClip(fps, coefficients, layers.rotation, layers.location, expression)


def _network(weights: Path) -> AudioToMotion:
    loaded = load_real3d(weights)
    if loaded.speech_config is None:
        raise LimnerError(
            "WEIGHTS_UNSUITABLE",
            f"{weights} was imported without the audio-to-motion model.",
            "Import a folder that holds audio2secc_vae too: limner import-real3d.",
        )
    with skeleton():
        network = AudioToMotion(loaded.speech_config)
    network.load_state_dict(loaded.speech, assign=True)
    return network.eval().requires_grad_(False)
