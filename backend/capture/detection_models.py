"""The networks inside mediapipe's wheel, made once per process and called on plain arrays.

Facts about mediapipe 0.10.21: its ready-made ``FaceMesh`` looks for the face itself and hides the presence score, so
the landmark network runs here in a graph of our own, on exactly the square it is given (1.5 ms a call). Input is
192 x 192; landmarks come back in units of that square, z in units of its width, nearer is smaller. All networks run on
still images without memory of earlier calls, so results do not depend on their order.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

LANDMARK_INPUT = 192

_LANDMARK_GRAPH = """
input_stream: "image"
output_stream: "landmarks"
output_stream: "presence"
node { calculator: "ImageToTensorCalculator" input_stream: "IMAGE:image" output_stream: "TENSORS:input"
  options { [mediapipe.ImageToTensorCalculatorOptions.ext] {
    output_tensor_width: 192 output_tensor_height: 192 output_tensor_float_range { min: 0.0 max: 1.0 } } } }
node { calculator: "ConstantSidePacketCalculator" output_side_packet: "PACKET:with_attention"
  options { [mediapipe.ConstantSidePacketCalculatorOptions.ext] { packet { bool_value: true } } } }
node { calculator: "FaceLandmarksModelLoader"
  input_side_packet: "WITH_ATTENTION:with_attention" output_side_packet: "MODEL:model" }
node { calculator: "TfLiteCustomOpResolverCalculator" output_side_packet: "OP_RESOLVER:operations" }
node { calculator: "InferenceCalculator" input_side_packet: "OP_RESOLVER:operations" input_side_packet: "MODEL:model"
  input_stream: "TENSORS:input" output_stream: "TENSORS:output"
  options { [mediapipe.InferenceCalculatorOptions.ext] { delegate { xnnpack {} } } } }
node { calculator: "SplitTensorVectorCalculator"
  input_stream: "output" output_stream: "points" output_stream: "flag"
  options { [mediapipe.SplitVectorCalculatorOptions.ext] {
    ranges: { begin: 0 end: 6 } ranges: { begin: 6 end: 7 } } } }
node { calculator: "TensorsToFaceLandmarksWithAttention"
  input_stream: "TENSORS:points" output_stream: "LANDMARKS:landmarks" }
node { calculator: "TensorsToFloatsCalculator" input_stream: "TENSORS:flag" output_stream: "FLOAT:presence"
  options { [mediapipe.TensorsToFloatsCalculatorOptions.ext] { activation: SIGMOID } } }
"""

# The graphs are not re-entrant; a worker thread waits for the other's few milliseconds.
_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Silence what C++ libraries write to standard error while a network is made."""
    os.environ.setdefault("GLOG_minloglevel", "3")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)


@lru_cache(maxsize=1)
def _landmark_graph() -> Callable[[NDArray[np.uint8]], tuple[NDArray[np.float32], float]]:
    with quiet():
        import mediapipe
        from google.protobuf import text_format
        from mediapipe.calculators.core import constant_side_packet_calculator_pb2, split_vector_calculator_pb2  # noqa: F401
        from mediapipe.calculators.tensor import (  # noqa: F401
            image_to_tensor_calculator_pb2,
            inference_calculator_pb2,
            tensors_to_floats_calculator_pb2,
        )
        from mediapipe.framework import calculator_pb2
        from mediapipe.python import packet_creator, packet_getter
        from mediapipe.python._framework_bindings import calculator_graph, image_frame, resource_util

        resource_util.set_resource_dir(os.path.dirname(os.path.dirname(mediapipe.__file__)))
        config = text_format.Parse(_LANDMARK_GRAPH, calculator_pb2.CalculatorGraphConfig())
        graph = calculator_graph.CalculatorGraph(graph_config=config)
        answers: dict[str, Any] = {}
        for stream in ("landmarks", "presence"):
            graph.observe_output_stream(stream, answers.__setitem__, True)
        graph.start_run({})
        atexit.register(graph.close)
        clock = iter(range(1, sys.maxsize))

        def run(square: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
            packet = packet_creator.create_image_frame(image_format=image_frame.ImageFormat.SRGB, data=square)
            graph.add_packet_to_input_stream("image", packet.at(next(clock)))
            graph.wait_until_idle()
            marks = packet_getter.get_proto(answers["landmarks"]).landmark
            points = np.array([(mark.x, mark.y, mark.z) for mark in marks], np.float32)
            return points, float(packet_getter.get_float(answers["presence"]))

        run(np.zeros((LANDMARK_INPUT, LANDMARK_INPUT, 3), np.uint8))  # the first call still makes log noise
    return run


def landmarks(square: NDArray[np.uint8]) -> tuple[NDArray[np.float32], float]:
    """[192, 192, 3] uint8 RGB of a face, upright, filling two thirds -> [478, 3] in units of the square (x and y from
    its upper left corner), and the network's certainty that it is a face, in [0, 1].
    """
    run = _landmark_graph()
    with _lock:
        return run(np.ascontiguousarray(square))


@lru_cache(maxsize=2)
def _face_detector(far: bool) -> Any:
    with quiet():
        from mediapipe.python.solutions.face_detection import FaceDetection

        detector = FaceDetection(min_detection_confidence=0.2, model_selection=int(far))
        detector.process(np.zeros((64, 64, 3), np.uint8))
        atexit.register(detector.close)
    return detector


def face_boxes(image: NDArray[np.uint8], far: bool) -> NDArray[np.float32]:
    """[H, W, 3] uint8 -> [N, 7] candidates: x, y, width, height in pixels, score, and the direction from the right to
    the left eye as x, y in pixels. ``far``: the network for small faces (input 192 px) instead of near ones (128 px).
    """
    height, width = image.shape[:2]
    detector = _face_detector(far)
    with _lock:
        detections = detector.process(np.ascontiguousarray(image)).detections or []
    rows = []
    for detection in detections:
        box = detection.location_data.relative_bounding_box
        right, left = detection.location_data.relative_keypoints[:2]
        rows.append(
            (box.xmin * width, box.ymin * height, box.width * width, box.height * height, detection.score[0],
             (left.x - right.x) * width, (left.y - right.y) * height)
        )  # fmt: skip
    return np.array(rows, np.float32).reshape(-1, 7)


@lru_cache(maxsize=1)
def _person_segmenter() -> Any:
    with quiet():
        from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

        segmenter = SelfieSegmentation(model_selection=0)
        segmenter.process(np.zeros((64, 64, 3), np.uint8))
        atexit.register(segmenter.close)
    return segmenter


def person_probability(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """[H, W, 3] uint8 -> [H, W] in [0, 1]. The network sees it squeezed to 256 x 256: give it near squares."""
    segmenter = _person_segmenter()
    with _lock:
        return np.array(segmenter.process(np.ascontiguousarray(image)).segmentation_mask, np.float32)
