"""The ``.limner`` file: what goes in comes out, the same bytes every time, and damage is named as what it is."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from backend.avatars.file import FORMAT_VERSION, choose_device, load_avatar, read_limner, write_limner
from backend.avatars.interface import FrameRequest
from backend.avatars.zera.avatar import ZeraAvatar
from shared.errors import LimnerError

RANDOM = np.random.default_rng(0)
TENSORS: dict[str, NDArray[Any]] = {
    "float": RANDOM.normal(size=(5, 3)).astype(np.float32),
    "double": RANDOM.normal(size=(4, 4)),
    "half": RANDOM.normal(size=7).astype(np.float16),
    "integer": np.arange(12, dtype=np.int32).reshape(3, 4)[:, ::2],  # not contiguous
    "byte": np.array([0, 255], np.uint8),
    "none": np.zeros((0, 3), np.float32),
}
PICTURES: dict[str, NDArray[np.uint8]] = {
    "folder/rgb": RANDOM.integers(0, 256, (9, 7, 3), np.uint8),
    "rgba": RANDOM.integers(0, 256, (9, 7, 4), np.uint8),
    "grey": RANDOM.integers(0, 256, (3, 5), np.uint8),
    "grey alpha": RANDOM.integers(0, 256, (3, 5, 2), np.uint8),
}
DESCRIPTION = {"kind": "zera", "name": "Zoë", "numbers": [1, 2.5, None]}


def code_of(action: Callable[[], object]) -> str:
    """The code of the refusal, which must name cause and remedy."""
    with pytest.raises(LimnerError) as caught:
        action()
    assert caught.value.cause and caught.value.remedy
    return caught.value.code


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.limner"
    write_limner(path, DESCRIPTION, TENSORS, PICTURES, {"notes.txt": b"hello"})
    return path


def test_everything_comes_back(small: Path) -> None:
    description, tensors, pictures = read_limner(small)
    assert description == {"format": FORMAT_VERSION, **DESCRIPTION}
    assert tensors.keys() == TENSORS.keys() and pictures.keys() == PICTURES.keys()
    pairs: list[tuple[NDArray[Any], NDArray[Any]]] = [(tensors[name], TENSORS[name]) for name in TENSORS]
    pairs += [(pictures[name], PICTURES[name]) for name in PICTURES]
    for got, put in pairs:
        assert got.dtype == put.dtype and np.array_equal(got, put)


def test_it_is_a_zip_that_other_tools_open(small: Path) -> None:
    with zipfile.ZipFile(small) as archive:
        assert archive.testzip() is None
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_STORED}
        assert json.loads(archive.read("avatar.json"))["format"] == FORMAT_VERSION
        assert archive.read("notes.txt") == b"hello"
        with Image.open(io.BytesIO(archive.read("rgba.png"))) as picture:
            assert picture.mode == "RGBA" and picture.size == (7, 9)


def test_the_same_content_is_the_same_bytes(small: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.limner"
    write_limner(again, DESCRIPTION, TENSORS, PICTURES, {"notes.txt": b"hello"})
    assert again.read_bytes() == small.read_bytes()


def test_folders_are_made_and_older_files_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "deep" / "a.limner"
    write_limner(path, {"kind": "old"}, {}, {}, {})
    write_limner(path, {"kind": "new"}, {}, {}, {})
    assert read_limner(path)[0]["kind"] == "new"
    assert os.listdir(path.parent) == ["a.limner"]


def test_it_has_the_permissions_of_any_new_file(small: Path) -> None:
    plain = small.with_name("plain")
    plain.touch()
    assert small.stat().st_mode == plain.stat().st_mode


def test_every_cut_is_noticed(small: Path, tmp_path: Path) -> None:
    whole = small.read_bytes()
    cut = tmp_path / "cut.limner"
    for length in [*range(0, len(whole), 97), len(whole) - 1]:
        cut.write_bytes(whole[:length])
        assert code_of(lambda: read_limner(cut)) == "AVATAR_UNREADABLE"


def damaged(path: Path, broken: Path) -> list[str]:
    """What is met when single bytes of a file change, but for typed refusals and harmless changes."""
    whole = bytearray(path.read_bytes())
    met = []
    for place in range(len(whole)):
        for change in (0x01, 0xFF):
            damage = bytearray(whole)
            damage[place] ^= change
            broken.write_bytes(damage)
            try:
                read_limner(broken)
            except LimnerError as error:
                assert error.code in ("AVATAR_UNREADABLE", "AVATAR_TOO_NEW")
            except Exception as error:
                met.append(type(error).__name__)
    return met


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.limner"
    write_limner(path, {"kind": "zera"}, {"a": np.ones(2, np.float32)}, {"p": np.zeros((2, 2), np.uint8)}, {})
    return path


def test_damage_is_never_taken_for_data(tiny: Path, tmp_path: Path) -> None:
    """Checksums cover every member's content: no changed byte changes a value unnoticed."""
    whole = tiny.read_bytes()
    broken = tmp_path / "broken.limner"
    before = read_limner(tiny)
    for place in range(0, len(whole), 3):
        damage = bytearray(whole)
        damage[place] ^= 0x10
        broken.write_bytes(damage)
        try:
            description, tensors, pictures = read_limner(broken)
        except LimnerError:
            continue
        assert description == before[0]
        assert all(np.array_equal(tensors[name], before[1][name]) for name in tensors)
        assert all(np.array_equal(pictures[name], before[2][name]) for name in pictures)


def test_any_damage_is_a_typed_refusal(tiny: Path, tmp_path: Path) -> None:
    met = damaged(tiny, tmp_path / "broken.limner")
    assert not met, sorted(set(met))


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04", bytes(range(256)) * 20])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "other.limner"
    path.write_bytes(content)
    assert code_of(lambda: load_avatar(path)) == "AVATAR_UNREADABLE"


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    assert code_of(lambda: load_avatar(tmp_path / "nowhere.limner")) == "FILE_NOT_FOUND"
    assert code_of(lambda: load_avatar(tmp_path)) == "FILE_NOT_FOUND"


def changed(saved: Path, path: Path, description: Callable[[Any], Any] | None = None, without: str = "") -> Path:
    """A real avatar's file with another ``avatar.json`` or without a member."""
    with zipfile.ZipFile(saved) as archive, zipfile.ZipFile(path, "w") as out:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "avatar.json" and description:
                content = json.dumps(description(json.loads(content))).encode()
            if not (without and name.startswith(without)):
                out.writestr(name, content)
    return path


def without_key(key: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda description: {name: value for name, value in description.items() if name != key}


def test_newer_files_say_that_they_are_newer(saved: Path, tmp_path: Path) -> None:
    newer = changed(saved, tmp_path / "newer.limner", lambda old: {**old, "format": FORMAT_VERSION + 1})
    assert code_of(lambda: load_avatar(newer)) == "AVATAR_TOO_NEW"
    other = changed(saved, tmp_path / "other.limner", lambda old: {**old, "kind": "hologram"})
    assert code_of(lambda: load_avatar(other)) == "AVATAR_TOO_NEW"


@pytest.mark.parametrize("wrong", [lambda old: [1], lambda old: "x", without_key("format"),
                                   lambda old: {**old, "format": "new"}])  # fmt: skip
def test_a_description_of_another_shape_is_refused(saved: Path, tmp_path: Path, wrong: Callable[[Any], Any]) -> None:
    path = changed(saved, tmp_path / "wrong.limner", wrong)
    assert code_of(lambda: load_avatar(path)) == "AVATAR_UNREADABLE"


def test_a_file_of_no_kind_is_refused(saved: Path, tmp_path: Path) -> None:
    path = changed(saved, tmp_path / "wrong.limner", without_key("kind"))
    assert code_of(lambda: load_avatar(path)) in ("AVATAR_UNREADABLE", "AVATAR_TOO_NEW")


@pytest.mark.parametrize("wrong", [without_key("camera"), lambda old: {**old, "margin": "wide"}])
def test_missing_and_wrong_values_are_refused(saved: Path, tmp_path: Path, wrong: Callable[[Any], Any]) -> None:
    path = changed(saved, tmp_path / "wrong.limner", wrong)
    assert code_of(lambda: load_avatar(path)) == "AVATAR_UNREADABLE"


def test_missing_pictures_are_refused(saved: Path, tmp_path: Path) -> None:
    path = changed(saved, tmp_path / "wrong.limner", without="canvas")
    assert code_of(lambda: load_avatar(path)) == "AVATAR_UNREADABLE"


def test_without_its_reference_an_avatar_still_works(avatar: ZeraAvatar, saved: Path, tmp_path: Path) -> None:
    loaded = load_avatar(changed(saved, tmp_path / "anonymous.limner", without="reference"))
    request = FrameRequest(size=128)
    assert np.array_equal(loaded.render(request).rgba, avatar.render(request).rgba)


def test_an_avatar_comes_back_whole(avatar: ZeraAvatar, saved: Path, tmp_path: Path) -> None:
    loaded = load_avatar(saved, "cpu")
    assert loaded.kind == "zera"
    assert np.array_equal(loaded.coefficients, avatar.coefficients)
    assert np.array_equal(loaded.head_to_world, avatar.head_to_world)
    assert loaded.camera.to_json() == avatar.camera.to_json()
    request = FrameRequest(
        np.linspace(0, 0.5, 52, dtype=np.float32), np.array([0.1, 0.05, 0.2]), np.array([0.01, 0, 0]), size=300,
        background="transparent", passes=("rgba", "depth", "head", "torso"),
    )  # fmt: skip
    ours, theirs = avatar.render(request), loaded.render(request)
    for name in request.passes:
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name
    again = tmp_path / "again.limner"
    loaded.save(again)
    assert again.read_bytes() == saved.read_bytes()
    avatar.save(again)
    assert again.read_bytes() == saved.read_bytes()


def test_a_person_of_the_same_fit_but_other_colours_is_another(avatar: ZeraAvatar, saved: Path) -> None:
    assert load_avatar(saved, "cpu").fingerprint == avatar.fingerprint
    person, canvas, skin = avatar.person, avatar.person.canvas, avatar.person.skin
    others = [
        replace(person, canvas=replace(canvas, body=255 - canvas.body)),
        replace(person, skin=replace(skin, fallback=1 - skin.fallback)),
        replace(person, skin=replace(skin, iris_angle=skin.iris_angle / 2)),
    ]
    device = torch.device("cpu")
    found = {ZeraAvatar(other, avatar.picture, device, avatar.completion).fingerprint for other in (person, *others)}
    assert avatar.fingerprint in found and len(found) == 1 + len(others)


def test_the_preview_and_the_photograph_are_in_the_file(avatar: ZeraAvatar, saved: Path, photograph: Any) -> None:
    _, _, pictures = read_limner(saved)
    assert np.array_equal(pictures["reference"], photograph)
    assert max(pictures["preview"].shape[:2]) == 256 and pictures["preview"].std() > 30
    assert saved.stat().st_size < 16 << 20


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


def test_a_full_disk_is_named_and_leaves_what_was_there(avatar: ZeraAvatar, tmp_path: Path) -> None:
    path = tmp_path / "a.limner"
    path.write_bytes(b"an older avatar")
    with room_for(10_000):
        code = code_of(lambda: avatar.save(path))
    assert code == "DISK_FULL"
    assert os.listdir(tmp_path) == ["a.limner"] and path.read_bytes() == b"an older avatar"


def test_places_that_cannot_be_written(avatar: ZeraAvatar, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.limner").mkdir()
    before = sorted(os.listdir(tmp_path))
    for path in (tmp_path / "file" / "a.limner", tmp_path / "folder.limner"):
        assert code_of(lambda path=path: avatar.save(path)) == "OUTPUT_NOT_WRITABLE"  # type: ignore[misc]
    assert sorted(os.listdir(tmp_path)) == before and not os.listdir(tmp_path / "folder.limner")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_for_reading_only(avatar: ZeraAvatar, tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    assert code_of(lambda: avatar.save(locked / "a.limner")) == "OUTPUT_NOT_WRITABLE"
    assert not os.listdir(locked)


def test_a_failure_of_ours_leaves_no_part_behind(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_limner(tmp_path / "a.limner", {"kind": object()}, {}, {}, {})
    assert os.listdir(tmp_path) == []


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_a_missing_gpu_is_named(saved: Path) -> None:
    assert code_of(lambda: load_avatar(saved, "cuda")) == "DEVICE_UNAVAILABLE"
