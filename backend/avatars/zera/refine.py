"""Refining: completion learns this very person's outline and what is beside it, from further photographs of them.

Every further photograph is the truth of one frame: that in which the avatar, made without it, turns as the person did
there. What is learned are low-rank changes of the network's weights; fresh ones change nothing. Where no photograph
tells what is right, in frames that turn otherwise, the network shall go on saying what it said: that is the prior.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation
from torch import Tensor

from backend.avatars.interface import FrameRequest
from backend.avatars.zera.build import PLATE_REACH, Seen
from backend.avatars.zera.completion import Refinement, digest
from backend.avatars.zera.data import Person
from backend.avatars.zera.layers import explained_mixture
from backend.avatars.zera.render import PersonRenderer
from backend.capture.fit import HeadFit
from backend.capture.masks_fill import background_plate
from backend.networks.completion_error import errors, order_of
from backend.networks.layer_completion import (
    CANONICAL,
    DIVISOR,
    NORMAL,
    TORSO,
    LayerCompletion,
    lifted_person,
    padded,
    room,
)
from backend.networks.low_rank import changed_weights, fresh_factors
from backend.weights import stored
from shared.camera import Camera
from shared.progress import Progress, part, silent

RANK, RATE, WARMING = 4, 0.003, 10  # of the changes; of learning, and steps until it is reached
PRIOR = 1.5  # how much what was said before counts against what photographs tell
IMAGINED = 8  # frames that hold the network to what it said
TURNS = np.radians([8, 4, 40])  # of the head in them: deviation of bowing and leaning, most to the sides
AT_ONCE = 2  # photographs a step
CROP = 192  # pixels of a view's side that are looked at in one step
PREPARING = 0.15  # of the progress


@dataclass(frozen=True, eq=False)
class Moment:
    """A frame of the avatar.

    Args:
        view: [1, 16, h, w], source: [1, 16, h/2, w/2] see ``networks.layer_completion``; sides divisible by
            ``DIVISOR``.
        differs: 0..1 how far the frame differs from the main photograph.
        truth: [1, 4, h, w] premultiplied colours and alpha; nothing in frames that nobody photographed.
        weight: [1, 1, h, w] how far the truth is to be believed, 0..1.
    """

    view: Tensor
    source: Tensor
    differs: float
    truth: Tensor
    weight: Tensor

    def part(self, random: np.random.Generator) -> Moment:
        """A window of it, or of its mirror image."""
        tall, wide = self.view.shape[2:]
        top, left = (DIVISOR * int(random.integers(max(side - CROP, 0) // DIVISOR + 1)) for side in (tall, wide))
        mirrored = random.random() < 0.5

        def cut(maps: Tensor, scale: int) -> Tensor:
            if not maps.numel():
                return maps
            window = maps[:, :, top // scale : (top + CROP) // scale, left // scale : (left + CROP) // scale]
            return window.flip(3) if mirrored else window

        view, source = cut(self.view, 1), cut(self.source, 2)
        if mirrored:  # what counts from left to right
            sign = view.new_ones(view.shape[1], 1, 1)
            sign[[CANONICAL.start, NORMAL.start]] = -1
            view, source = view * sign, source * sign
        return Moment(view, source, self.differs, cut(self.truth, 1), cut(self.weight, 1))

    def order(self, residual: Tensor) -> Tensor:
        """[] Order of magnitude of the error with the network's residual [1, 4, h, w]."""
        lifted = lifted_person(self.view)
        shown = lifted + room(lifted) * self.differs * residual
        return order_of(*errors(shown, self.truth, self.weight)).mean()


def refine(
    person: Person,
    seen: Sequence[Seen],
    network: LayerCompletion,
    steps: int,
    device: torch.device,
    progress: Progress = silent,
    seed: int = 0,
) -> tuple[Refinement | None, dict[str, float]]:
    """Adapt completion to a person of several photographs.

    Args:
        person: of all of them.
        seen: the photographs, the main one first.
        network: what completes anybody's frames.
        steps: of learning; with none of them nothing changes.
        device: where to learn.
        progress: told which step it is; may raise ``Cancelled``.
        seed: of all that is drawn.

    Returns:
        What was learned, ``None`` if that is not better on the photographs than before; and a report: orders of
        magnitude of the error on them, ``refine_before`` and ``refine_after``.
    """
    assert len(seen) > 1
    network = network.to(device)
    known, imagined = _moments(person, seen, network, device, part(progress, 0.0, PREPARING), seed)
    factors = fresh_factors(network, RANK, seed)
    optimizer = torch.optim.Adam([each for both in factors.values() for each in both], lr=RATE)
    random = np.random.default_rng(seed)
    for step in range(steps):
        progress(PREPARING + (1 - PREPARING) * step / steps, f"refining, step {step + 1} of {steps}")
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / WARMING) * (1 - step / steps)
        weights = changed_weights(network, factors)
        loss = torch.zeros((), device=device)
        for index in random.integers(len(known), size=AT_ONCE):
            moment = known[index].part(random)
            loss = loss + moment.order(_residual(network, weights, moment)) / AT_ONCE
        loss = loss + PRIOR * _departed(network, weights, imagined[random.integers(len(imagined))].part(random))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    found = {name: (stored(up.detach()).cpu(), stored(down.detach()).cpu()) for name, (up, down) in factors.items()}
    refinement = Refinement(found, digest(network))
    before, after = (_order(each, known) for each in (network, refinement.applied(network)))
    progress(1.0, "refined")
    return refinement if after < before else None, {"refine_before": before, "refine_after": after}


def _moments(
    person: Person, seen: Sequence[Seen], network: LayerCompletion, device: torch.device, progress: Progress, seed: int
) -> tuple[list[Moment], list[Moment]]:
    """Frames whose truth is a further photograph, and frames that nobody photographed."""
    whole = PersonRenderer(person, device)
    side = network.config.side
    source = whole.view(FrameRequest(), side // 2)[0]
    known, imagined = [], []
    for index, each in enumerate(seen[1:]):
        progress(index / len(seen), "looking at another picture again")
        others = tuple(lender for lender in person.lenders if lender is not person.lenders[index])
        request = as_photographed(person, each.fit)
        view, differs = PersonRenderer(replace(person, lenders=others), device).view(request, side)
        truth, clothes = (torch.from_numpy(maps).permute(2, 0, 1).to(device) for maps in _truth(each, view.shape[1:]))
        # who turns may have turned the head or all of themselves
        weight = (1 - clothes) * (1 - view[TORSO.stop - 1 : TORSO.stop])
        known.append(_moment(view, source, differs, truth, weight))
    random = np.random.default_rng(seed)
    for index in range(IMAGINED):
        progress(1 - 1 / len(seen) * (1 - index / IMAGINED), "looking from elsewhere")
        turn = TURNS * np.append(random.normal(size=2), random.uniform(-1, 1))
        view, differs = whole.view(FrameRequest(rotation=turn.astype(np.float32)), side)
        imagined.append(_moment(view, source, differs, view[:0], view[:0]))
    return known, imagined


def as_photographed(person: Person, fit: HeadFit) -> FrameRequest:
    """The frame in which a person's avatar does what they do on another photograph, as its camera sees it."""
    own, other = person.camera, fit.camera
    camera = Camera(other.intrinsics, own.world_to_camera, other.width, other.height)
    pose = np.linalg.inv(own.world_to_camera @ person.head_to_world) @ other.world_to_camera @ fit.head_to_world
    rotation = Rotation.from_matrix(pose[:3, :3]).as_euler("xyz").astype(np.float32)
    return FrameRequest(fit.coefficients.astype(np.float32), rotation, pose[:3, 3].astype(np.float32), camera)


def _truth(seen: Seen, size: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """[h, w, 4] a photograph's person, premultiplied, and [h, w, 1] the share of clothes, for a view of that size."""
    plate = background_plate(seen.rgb, seen.masks.person, PLATE_REACH * seen.face.side)
    colours, masks = explained_mixture(seen.rgb, seen.masks, plate)
    alpha = masks.person[..., None]
    person = np.concatenate([colours / np.float32(255) * alpha, alpha], axis=2).astype(np.float32)
    tall, wide = size
    # apart: OpenCV averages at most four channels at once
    small, clothes = (
        cv2.resize(each, (wide, tall), interpolation=cv2.INTER_AREA).clip(0, 1) for each in (person, masks.clothes)
    )
    return small, clothes[..., None]


def _moment(view: Tensor, source: Tensor, differs: float, truth: Tensor, weight: Tensor) -> Moment:
    """A moment of maps [C, h, w] of any size."""
    return Moment(padded(view, view), padded(source, view, 2), differs, padded(truth, view), padded(weight, view))


def _residual(network: LayerCompletion, weights: dict[str, Tensor], moment: Moment) -> Tensor:
    return torch.func.functional_call(network, weights, (moment.view, moment.source))


def _departed(network: LayerCompletion, weights: dict[str, Tensor], moment: Moment) -> Tensor:
    """[] How far from before it is what the network says on a frame that nobody photographed."""
    person = lifted_person(moment.view)
    away = (_residual(network, weights, moment) - network(moment.view, moment.source)).abs() * room(person)
    return away.sum() / person[:, 3].sum().clamp_min(64.0)


@torch.inference_mode()
def _order(network: LayerCompletion, moments: Sequence[Moment]) -> float:
    """Order of magnitude of a network's error, mean over whole moments."""
    return float(np.mean([float(each.order(network(each.view, each.source))) for each in moments]))
