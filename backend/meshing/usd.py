"""OpenUSD: blend shapes and their animation with UsdSkel, a textured or vertex-coloured surface."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from shared.errors import LimnerError

from .model import Model, linear, vertex_normals

if TYPE_CHECKING:
    from pxr import Usd

UNMOVED = 1e-7  # metres


def require_usd() -> None:
    """Check that OpenUSD is installed.

    Raises:
        LimnerError: ``BACKEND_NOT_INSTALLED`` with the command that installs it.
    """
    try:
        import pxr  # noqa: F401
    except ImportError as error:
        raise LimnerError(
            "BACKEND_NOT_INSTALLED",
            "Writing .usdc needs the package usd-core, which is not installed.",
            "Run `.venv/bin/pip install usd-core` in Limner's folder, or write .glb instead.",
        ) from error


def write_usdc(model: Model, path: Path) -> None:
    """Write a binary USD stage, metres, Z up; a texture goes beside it.

    Raises:
        LimnerError: ``BACKEND_NOT_INSTALLED`` when the package ``usd-core`` is missing.
    """
    require_usd()
    from pxr import Gf, Sdf, Usd, UsdGeom, UsdSkel, Vt

    stage = Usd.Stage.CreateNew(str(path))
    UsdGeom.SetStageUpAxis(stage, UsdGeom.Tokens.z)
    UsdGeom.SetStageMetersPerUnit(stage, 1.0)
    root = (UsdSkel.Root if model.shape_keys is not None else UsdGeom.Xform).Define(stage, "/Avatar")
    stage.SetDefaultPrim(root.GetPrim())
    place = root.AddTransformOp()
    place.Set(Gf.Matrix4d(*model.pose.T.ravel().tolist()))  # USD multiplies row vectors
    mesh = UsdGeom.Mesh.Define(stage, f"/Avatar/{model.name}")
    mesh.CreateSubdivisionSchemeAttr(UsdGeom.Tokens.none)
    mesh.CreatePointsAttr(Vt.Vec3fArray.FromNumpy(model.vertices))
    mesh.CreateFaceVertexCountsAttr(Vt.IntArray(len(model.faces), 3))
    mesh.CreateFaceVertexIndicesAttr(Vt.IntArray.FromNumpy(np.ascontiguousarray(model.faces.ravel())))
    mesh.CreateExtentAttr(Vt.Vec3fArray.FromNumpy(np.stack([model.vertices.min(0), model.vertices.max(0)])))
    mesh.CreateNormalsAttr(Vt.Vec3fArray.FromNumpy(vertex_normals(model.vertices, model.faces)))
    mesh.SetNormalsInterpolation(UsdGeom.Tokens.vertex)
    primvars = UsdGeom.PrimvarsAPI(mesh)
    if model.uv is not None and model.texture is not None:
        st = primvars.CreatePrimvar("st", Sdf.ValueTypeNames.TexCoord2fArray, UsdGeom.Tokens.faceVarying)
        st.Set(Vt.Vec2fArray.FromNumpy(np.ascontiguousarray(model.uv.reshape(-1, 2))))
        texture = f"{path.stem}_texture.png"
        Image.fromarray(model.texture).save(path.with_name(texture))
        _textured(stage, mesh, texture)
    elif model.colors is not None:
        mesh.CreateDisplayColorPrimvar(UsdGeom.Tokens.vertex).Set(Vt.Vec3fArray.FromNumpy(linear(model.colors)))
    if model.shape_keys is not None:
        _blend_shapes(stage, model, mesh)
    if model.animation is not None:
        stage.SetTimeCodesPerSecond(model.animation.fps)
        stage.SetFramesPerSecond(model.animation.fps)
        stage.SetStartTimeCode(1)
        stage.SetEndTimeCode(len(model.animation.poses))
        for frame, pose in enumerate(model.animation.poses, start=1):
            place.Set(Gf.Matrix4d(*pose.T.ravel().tolist()), frame)
    stage.GetRootLayer().Save()


def _textured(stage: Usd.Stage, mesh: Any, texture: str) -> None:
    from pxr import Sdf, UsdShade

    material = UsdShade.Material.Define(stage, f"{mesh.GetPath().GetParentPath()}/Skin")
    surface = UsdShade.Shader.Define(stage, f"{material.GetPath()}/Surface")
    surface.CreateIdAttr("UsdPreviewSurface")
    surface.CreateInput("roughness", Sdf.ValueTypeNames.Float).Set(0.8)
    surface.CreateInput("metallic", Sdf.ValueTypeNames.Float).Set(0.0)
    picture = UsdShade.Shader.Define(stage, f"{material.GetPath()}/Texture")
    picture.CreateIdAttr("UsdUVTexture")
    picture.CreateInput("file", Sdf.ValueTypeNames.Asset).Set(f"./{texture}")
    picture.CreateInput("sourceColorSpace", Sdf.ValueTypeNames.Token).Set("sRGB")
    reader = UsdShade.Shader.Define(stage, f"{material.GetPath()}/Coordinates")
    reader.CreateIdAttr("UsdPrimvarReader_float2")
    reader.CreateInput("varname", Sdf.ValueTypeNames.String).Set("st")
    picture.CreateInput("st", Sdf.ValueTypeNames.Float2).ConnectToSource(
        reader.CreateOutput("result", Sdf.ValueTypeNames.Float2)
    )
    surface.CreateInput("diffuseColor", Sdf.ValueTypeNames.Color3f).ConnectToSource(
        picture.CreateOutput("rgb", Sdf.ValueTypeNames.Float3)
    )
    material.CreateSurfaceOutput().ConnectToSource(surface.CreateOutput("surface", Sdf.ValueTypeNames.Token))
    UsdShade.MaterialBindingAPI.Apply(mesh.GetPrim()).Bind(material)


def _blend_shapes(stage: Usd.Stage, model: Model, mesh: Any) -> None:
    """Blend shapes and the values they have, over time where there is motion."""
    from pxr import Gf, Sdf, UsdSkel, Vt

    assert model.shape_keys is not None
    parent = mesh.GetPath().GetParentPath()
    # one joint that never moves: importers look for blend shape values on a skeleton's animation
    skeleton = UsdSkel.Skeleton.Define(stage, f"{parent}/Skeleton")
    skeleton.CreateJointsAttr(["root"])
    still = Vt.Matrix4dArray(1, Gf.Matrix4d(1))
    skeleton.CreateBindTransformsAttr(still)
    skeleton.CreateRestTransformsAttr(still)
    animation = UsdSkel.Animation.Define(stage, f"{parent}/Skeleton/Performance")
    animation.CreateBlendShapesAttr(list(model.key_names))
    values = animation.CreateBlendShapeWeightsAttr()
    rest = np.zeros(len(model.key_names), np.float32) if model.weights is None else model.weights
    values.Set(Vt.FloatArray.FromNumpy(rest.astype(np.float32)))
    if model.animation is not None:
        for frame, weights in enumerate(model.animation.weights, start=1):
            values.Set(Vt.FloatArray.FromNumpy(np.ascontiguousarray(weights, np.float32)), frame)
    UsdSkel.BindingAPI.Apply(skeleton.GetPrim()).CreateAnimationSourceRel().SetTargets([animation.GetPath()])
    normals = vertex_normals(model.vertices, model.faces)
    targets: list[Sdf.Path] = []
    for name, offsets in zip(model.key_names, model.shape_keys):
        shape = UsdSkel.BlendShape.Define(stage, mesh.GetPath().AppendChild(name))
        turned = vertex_normals(model.vertices + offsets, model.faces) - normals
        moved = np.flatnonzero((np.abs(offsets).max(axis=1) > UNMOVED) | (np.abs(turned).max(axis=1) > 1e-4))
        moved = moved if len(moved) else np.zeros(1, np.intp)  # importers drop a shape without offsets
        shape.CreateOffsetsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(offsets[moved])))
        shape.CreateNormalOffsetsAttr(Vt.Vec3fArray.FromNumpy(np.ascontiguousarray(turned[moved])))
        shape.CreatePointIndicesAttr(Vt.IntArray.FromNumpy(moved.astype(np.int32)))
        targets.append(shape.GetPath())
    binding = UsdSkel.BindingAPI.Apply(mesh.GetPrim())
    binding.CreateBlendShapesAttr(list(model.key_names))
    binding.CreateBlendShapeTargetsRel().SetTargets(targets)
    binding.CreateSkeletonRel().SetTargets([skeleton.GetPath()])
    binding.CreateJointIndicesPrimvar(True, 1).Set([0])
    binding.CreateJointWeightsPrimvar(True, 1).Set([1.0])
