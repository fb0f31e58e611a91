"""Official checkpoints become one file of tensors, and whatever is not one is refused in words."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file

from backend.avatars.real3d.checkpoint import load_real3d
from backend.avatars.real3d.official_import import import_real3d
from shared.errors import Cancelled
from tests.conftest import PublishedImport
from tests.parity.fixtures import parity_or_skip
from tests.parity.synthetic_checkpoint import OFFICIAL, checkpoint, write_model

from .small_checkpoint import (
    CONFIGS,
    PICTURE_CONFIG,
    cut,
    cut_short,
    random_state,
    refusal,
    refused_import,
    use_small_tensors,
    write_small,
)

ROOT = Path(__file__).parents[2]
PICTURE, SPEECH = OFFICIAL
PICTURE_FOLDER, SPEECH_FOLDER = (OFFICIAL[model][0] for model in OFFICIAL)
PICTURE_FILE = "secc2plane_torso_orig/model_ckpt_steps_100000.ckpt"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Networks with small tensors."""
    use_small_tensors(monkeypatch)


@pytest.mark.parametrize("archive", [False, True], ids=["old format", "archive"])
@pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])
@pytest.mark.parametrize("flat", [False, True], ids=["nested", "flat"])
def test_every_layout_gives_the_same_tensors(tmp_path: Path, flat: bool, compiled: bool, archive: bool) -> None:
    write_small(tmp_path / "official", flat=flat, compiled=compiled, archive=archive)
    states = {model: random_state(model) for model in OFFICIAL}
    told: list[float] = []
    counts = import_real3d(tmp_path / "official", tmp_path / "a.safetensors", lambda f, _: told.append(f))
    assert counts == {model: len(state) for model, state in states.items()}
    assert told == sorted(told) and told[0] == 0 and told[-1] == pytest.approx(1)
    loaded = load_real3d(tmp_path / "a.safetensors")
    for found, model in ((loaded.network, PICTURE), (loaded.speech, SPEECH)):
        assert found.keys() == states[model].keys()
        assert all(torch.equal(found[name], value) for name, value in states[model].items())
    assert [source.name for source in loaded.sources] == [
        PICTURE_FILE,
        "audio2secc_vae/model_ckpt_steps_400000.ckpt",
    ]
    assert all(len(source.sha256) == 64 for source in loaded.sources)
    assert loaded.speech_config is not None


def test_the_folder_above_and_one_models_folder_do_too(tmp_path: Path) -> None:
    official = tmp_path / "checkpoints" / "240210_real3dportrait_orig"
    write_small(official)
    (tmp_path / "checkpoints" / "pretrained_ckpts").mkdir()
    torch.save({}, tmp_path / "checkpoints" / "pretrained_ckpts" / "mit_b0.pth")
    assert list(import_real3d(tmp_path / "checkpoints", tmp_path / "a.safetensors")) == [PICTURE, SPEECH]
    assert list(import_real3d(official / PICTURE_FOLDER, tmp_path / "b.safetensors")) == [PICTURE]
    alone = load_real3d(tmp_path / "b.safetensors")
    assert alone.speech_config is None and alone.speech == {} and len(alone.sources) == 1


def test_the_most_training_steps_win(tmp_path: Path) -> None:
    write_small(tmp_path / "official")
    folder = tmp_path / "official" / PICTURE_FOLDER
    newer = random_state(PICTURE, seed=1)
    torch.save(checkpoint(newer, 120_000), folder / "model_ckpt_steps_120000.ckpt")
    (folder / "model_ckpt_steps_99999.ckpt").write_text("older, and of no interest")
    (folder / "model_ckpt_steps_130000.ckpt.part").write_text("half")
    import_real3d(tmp_path / "official", tmp_path / "a.safetensors")
    loaded = load_real3d(tmp_path / "a.safetensors")
    assert torch.equal(loaded.network["decoder.net.0.weight"], newer["decoder.net.0.weight"])
    assert loaded.sources[0].name.endswith("120000.ckpt")


def test_other_precisions_become_float32(tmp_path: Path) -> None:
    state = {
        name: value.half() if value.is_floating_point() else value.int()
        for name, value in random_state(PICTURE).items()
    }
    write_model(tmp_path / "official", PICTURE, state, PICTURE_CONFIG)
    import_real3d(tmp_path / "official", tmp_path / "a.safetensors")
    loaded = load_real3d(tmp_path / "a.safetensors").network
    assert {value.dtype for value in loaded.values()} == {torch.float32, torch.int64}
    assert all(torch.equal(loaded[name], value.to(loaded[name].dtype)) for name, value in state.items())


def test_the_values_of_the_configuration_arrive(tmp_path: Path) -> None:
    write_model(tmp_path, PICTURE, random_state(PICTURE), {**PICTURE_CONFIG, "num_samples_fine": 24, "box_warp": 1.5})
    import_real3d(tmp_path, tmp_path / "a.safetensors")
    marching = load_real3d(tmp_path / "a.safetensors").config.marching
    assert (marching.coarse_samples, marching.fine_samples, marching.box_size) == (48, 24, 1.5)


def test_a_tri_grid_is_imported_too(tmp_path: Path) -> None:
    config = {**PICTURE_CONFIG, "triplane_feature_type": "trigrid_v2", "triplane_depth": 3}
    state = random_state(PICTURE, config=config)
    assert "plane2grid_module.res_blocks_3d.0.alpha" in state
    write_model(tmp_path, PICTURE, state, config)
    import_real3d(tmp_path, tmp_path / "a.safetensors")
    loaded = load_real3d(tmp_path / "a.safetensors")
    assert loaded.config.plane_depth == 3 and loaded.network.keys() == state.keys()


def test_bases_of_a_configuration_count_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "project" / "checkpoints" / "official"
    write_model(folder, PICTURE, random_state(PICTURE), {})
    own = {name: value for name, value in PICTURE_CONFIG.items() if name != "num_samples_coarse"}
    config = folder / PICTURE_FOLDER / "config.yaml"
    config.write_text(yaml.safe_dump({**own, "base_config": ["./nowhere.yaml", "egs/real3d.yaml", "config.yaml"]}))
    assert "num_samples_coarse is missing" in refused_import(folder).cause
    (tmp_path / "project" / "egs").mkdir()
    base = {"num_samples_coarse": 32, "num_samples_fine": 1000000, "base_config": "./real3d.yaml"}
    (tmp_path / "project" / "egs" / "real3d.yaml").write_text(yaml.safe_dump(base))
    import_real3d(folder, tmp_path / "a.safetensors")
    assert load_real3d(tmp_path / "a.safetensors").config.marching.coarse_samples == 32


@pytest.mark.parametrize(
    ("model", "changes", "named"),
    [
        (
            PICTURE,
            {"torso_model_version": "v1", "torso_kp_num": 9},
            ["torso_model_version is 'v1'", "torso_kp_num is 9"],
        ),
        (PICTURE, {"triplane_feature_type": "trigrid"}, ["triplane or trigrid_v2"]),
        (PICTURE, {"triplane_feature_type": "trigrid_v2"}, ["triplane_depth is 1", "has 3"]),
        (PICTURE, {"htbsr_head_threshold": "high"}, ["htbsr_head_threshold", "0 to 1"]),
        (PICTURE, {"num_samples_coarse": True}, ["num_samples_coarse is True"]),
        (SPEECH, {"use_eye_amp_embed": True}, ["use_eye_amp_embed is True where False"]),
        (SPEECH, {"audio_type": "mfcc"}, ["hubert"]),
    ],
)
def test_what_is_not_supported_is_named(tmp_path: Path, model: str, changes: dict[str, Any], named: list[str]) -> None:
    write_small(tmp_path / "official")
    write_model(tmp_path / "official", model, random_state(model), {**CONFIGS[model], **changes})
    error = refused_import(tmp_path / "official")
    assert error.code == "WEIGHTS_UNSUITABLE" and error.exit_status == 3
    assert "config.yaml" in error.cause and all(part in error.cause for part in named), error.cause


def test_tensors_that_do_not_fit_are_counted_and_named(tmp_path: Path) -> None:
    state = random_state(PICTURE)
    gone = [name for name in state if name.startswith("superresolution.block0.")]
    for name in gone:
        del state[name]
    state["secc_img2plane_backbone.extra.weight"] = torch.zeros(3)
    state["decoder.net.0.weight"] = torch.zeros(5, 2)
    state["decoder.net.0.bias"] = torch.zeros(3, dtype=torch.int64)
    state["decoder.net.2.bias"] = "three"  # type: ignore[assignment]
    write_model(tmp_path / "official", PICTURE, state, PICTURE_CONFIG)
    error = refused_import(tmp_path / "official")
    assert error.code == "WEIGHTS_UNSUITABLE"
    assert f"{len(gone)} missing: {', '.join(gone[:10])}, ...;" in error.cause and gone[10] not in error.cause
    assert "1 unexpected: secc_img2plane_backbone.extra.weight;" in error.cause
    assert "3 mis-shaped: " in error.cause
    assert "decoder.net.0.weight is float32 [5, 2] instead of float32 [3, 3]" in error.cause
    assert "decoder.net.0.bias is int64" in error.cause and "decoder.net.2.bias is a str" in error.cause


def without(prefix: str) -> dict[str, Any]:
    return {name: value for name, value in random_state(PICTURE).items() if not name.startswith(prefix)}


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (lambda: without("superresolution.torso_model."), "head-only"),
        (lambda: {"img2plane_backbone.x.weight": torch.ones(1)}, "image-to-plane"),
        (lambda: random_state(SPEECH), "audio-to-motion model alone"),
        (lambda: {**random_state(PICTURE), "superresolution.block0.conv0.lora_A": torch.ones(1)}, "MimicTalk avatar"),
        (lambda: {"hubert_encoder.0.weight": torch.ones(1), "backbone.x": torch.ones(1)}, "MimicTalk's audio"),
        (lambda: {"something.else": torch.ones(1)}, "not a checkpoint of Real3D-Portrait"),
        (dict, "not a checkpoint of Real3D-Portrait"),
    ],
    ids=["head only", "image to plane", "speech only", "MimicTalk", "MimicTalk speech", "unknown", "nothing"],
)
def test_other_models_are_recognised(tmp_path: Path, state: Callable[[], dict[str, Any]], named: str) -> None:
    write_model(tmp_path / "official", PICTURE, state(), PICTURE_CONFIG)
    error = refused_import(tmp_path / "official")
    assert error.code == "WEIGHTS_UNSUITABLE" and named in error.cause, error.cause


def test_an_er_nerf_checkpoint_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "official").mkdir()
    path = tmp_path / "official" / "model_ckpt_steps_1.ckpt"
    torch.save({"epoch": 3, "model": {"aud_ch_att_net.net.0.weight": torch.ones(1)}, "stats": {}}, path)
    assert "ER-NeRF" in refused_import(tmp_path / "official").cause


@pytest.mark.parametrize("layout", ["neighbours", "two folders"])
def test_several_are_not_guessed_between(tmp_path: Path, layout: str) -> None:
    write_small(tmp_path / "all" / "a")
    other = tmp_path / "all" / "a" / "another" if layout == "neighbours" else tmp_path / "all" / "b" / "x"
    other.parent.mkdir(exist_ok=True)
    (tmp_path / "all" / "a" / PICTURE_FOLDER).rename(other)
    write_small(tmp_path / "all" / "a", (PICTURE,))
    error = refused_import(tmp_path / "all")
    assert error.code == "WRONG_USE" and str(other) in error.cause


def test_neighbours_of_other_kinds_do_not_matter(tmp_path: Path) -> None:
    write_small(tmp_path / "official")
    write_model(tmp_path / "other", PICTURE, without("superresolution.torso_model."), PICTURE_CONFIG)
    (tmp_path / "other" / PICTURE_FOLDER).rename(tmp_path / "official" / "secc2plane_orig")
    assert len(import_real3d(tmp_path / "official", tmp_path / "a.safetensors")) == 2


def test_a_damaged_neighbour_is_not_left_out_in_silence(tmp_path: Path) -> None:
    write_small(tmp_path / "official")
    (tmp_path / "official" / SPEECH_FOLDER / "model_ckpt_steps_400000.ckpt").write_bytes(b"")
    error = refused_import(tmp_path / "official")
    assert error.code == "WEIGHTS_UNREADABLE" and SPEECH_FOLDER in error.cause


def test_nothing_to_import_is_told_with_what_lies_there(tmp_path: Path) -> None:
    (tmp_path / "official").mkdir()
    assert refused_import(tmp_path / "official").code == "FILE_NOT_FOUND"
    (tmp_path / "official" / "ngp_ep0035.pth").write_bytes(b"")
    (tmp_path / "official" / "real3d.zip").write_bytes(b"")
    error = refused_import(tmp_path / "official")
    assert "ngp_ep0035.pth" in error.cause and error.remedy.startswith("Unzip")
    assert "is a file" in refused_import(tmp_path / "official" / "real3d.zip").cause
    assert "does not exist" in refused_import(tmp_path / "nowhere").cause


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """No file of this process grows beyond ``size`` bytes."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    write_small(tmp_path / "official")
    output = tmp_path / "a.safetensors"
    output.write_bytes(b"older weights")
    with room_for(20_000):
        error = refusal(lambda: import_real3d(tmp_path / "official", output))
    assert error.code == "DISK_FULL"
    assert sorted(os.listdir(tmp_path)) == ["a.safetensors", "official"] and output.read_bytes() == b"older weights"


@pytest.mark.parametrize("after", [0.0, 0.3, 0.8])
def test_cancelling_leaves_nothing(tmp_path: Path, after: float) -> None:
    write_small(tmp_path / "official")

    def progress(fraction: float, stage: str) -> None:
        if fraction >= after:
            raise Cancelled

    with pytest.raises(Cancelled):
        import_real3d(tmp_path / "official", tmp_path / "a.safetensors", progress)
    assert os.listdir(tmp_path) == ["official"]


COMMAND = """
import sys, time
from backend.avatars.real3d import checkpoint, official_import
from backend.cli import main
from tests.avatars.small_checkpoint import small_tensors
checkpoint.expected_tensors = official_import.expected_tensors = small_tensors
contents = official_import._contents
def slowly(*arguments):
    for item in contents(*arguments):
        time.sleep(float(sys.argv[1]))
        yield item
official_import._contents = slowly
sys.exit(main(sys.argv[2:]))
"""


def command(folder: Path, *arguments: str, seconds_a_tensor: float = 0) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND, str(seconds_a_tensor), "import-real3d", *arguments], text=True, cwd=folder,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip


def test_the_command_imports_and_refuses(tmp_path: Path) -> None:
    write_small(tmp_path / "official")
    alone, wrong = (
        command(tmp_path, f"official/{PICTURE_FOLDER}", "-o", "a.safetensors"),
        command(tmp_path, "nowhere", "-o", "b.safetensors"),
    )
    said, told = alone.communicate(timeout=400)
    assert alone.returncode == 0, told
    assert said.startswith("a.safetensors  secc2plane_torso (") and "audio-to-motion" in told
    assert len(load_real3d(tmp_path / "a.safetensors").network) > 1000
    said, told = wrong.communicate(timeout=400)
    assert wrong.returncode == 3 and "FILE_NOT_FOUND" in told and not said


def test_ctrl_c_leaves_nothing(tmp_path: Path) -> None:
    write_small(tmp_path / "official")
    process = command(tmp_path, "official", "-o", "a.safetensors", "--progress", "json", seconds_a_tensor=0.05)
    assert process.stderr
    for line in process.stderr:
        if json.loads(line).get("stage") == "writing the tensors":
            break
    assert (tmp_path / ".a.safetensors.part").exists()
    process.send_signal(signal.SIGINT)
    rest = process.stderr.read()
    assert process.wait(timeout=60) == 130, rest
    assert "interrupted" in rest and os.listdir(tmp_path) == ["official"]


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    write_small(tmp_path / "official")
    import_real3d(tmp_path / "official", tmp_path / "a.safetensors")
    return tmp_path / "a.safetensors"


def rewritten(path: Path, **metadata: str) -> None:
    """The same tensors with other metadata; those that are empty are left out."""
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name).clone() for name in file.keys()}  # noqa: SIM118
        old = file.metadata()
    save_file(tensors, path, {name: value for name, value in {**old, **metadata}.items() if value})


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (cut, "WEIGHTS_UNREADABLE"),
        (cut_short, "WEIGHTS_UNREADABLE"),
        (lambda path: path.write_bytes(b""), "WEIGHTS_UNREADABLE"),
        (lambda path: path.write_text("text " * 100), "WEIGHTS_UNREADABLE"),
        (lambda path: save_file({"a": torch.ones(2)}, path), "WEIGHTS_UNREADABLE"),
        (lambda path: rewritten(path, format=""), "WEIGHTS_UNREADABLE"),
        (lambda path: rewritten(path, settings="{"), "WEIGHTS_UNREADABLE"),
        (lambda path: rewritten(path, settings="{}"), "WEIGHTS_UNREADABLE"),
        (lambda path: rewritten(path, sources="[3]"), "WEIGHTS_UNREADABLE"),
        (lambda path: rewritten(path, format_version="2"), "WEIGHTS_TOO_NEW"),
        (Path.unlink, "FILE_NOT_FOUND"),
    ],
)
def test_an_imported_file_that_is_not_whole_is_refused(imported: Path, harm: Callable[[Path], Any], code: str) -> None:
    harm(imported)
    error = refusal(lambda: load_real3d(imported))
    assert error.code == code and str(imported) in error.cause


def test_an_imported_file_of_other_shapes_is_refused(imported: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the networks are large again
    error = refusal(lambda: load_real3d(imported))
    assert error.code == "WEIGHTS_UNREADABLE" and "has another form" in error.cause


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="tells what is mapped on Linux only")
def test_loaded_tensors_stay_in_the_file(imported: Path) -> None:
    weights = load_real3d(imported)
    assert weights.network and str(imported) in Path("/proc/self/maps").read_text()


def test_what_has_left_memory_comes_again_from_the_file(imported: Path) -> None:
    weights = load_real3d(imported)
    before = {name: value.clone() for name, value in weights.network.items()}
    weights.mapped.leave_memory()
    assert all(torch.equal(weights.network[name], value) for name, value in before.items())


def test_the_whole_published_network(published_import: PublishedImport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the networks are large again
    parity = parity_or_skip()
    assert published_import.said.endswith(
        "real3d.safetensors  secc2plane_torso (1030 tensors), audio2secc (231 tensors)"
    )
    assert published_import.peak < 1.5 * published_import.size, "the tensors once, not twice"
    loaded = load_real3d(published_import.weights)
    for state, model in ((loaded.network, PICTURE), (loaded.speech, SPEECH)):
        assert state.keys() == parity.keys[model].keys()
        for name in list(state)[::40]:
            rule, flat = parity.keys[model][name], state[name].double().flatten()
            assert list(state[name].shape) == rule["shape"]
            assert np.isclose(float((flat**2).sum()), rule["sumsq"], rtol=1e-6, atol=1e-9), name
