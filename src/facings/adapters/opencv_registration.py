"""Registration by OpenCV: SIFT points (Lowe, 2004; RootSIFT: Arandjelović and Zisserman, 2012), the ratio test, and a
homography by MAGSAC++ (Barath et al., 2020); what is left by dense inverse search (Kroeger et al., 2016).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from facings.apps.registration import MIN_INLIERS, Landmarks, PixelBox, Registration, is_plausible, moved
from facings.errors import DependencyMissing
from facings.types import FloatArray, IntArray, UInt8Array

try:
    import cv2
except ModuleNotFoundError as error:
    raise DependencyMissing(
        "Registration: OpenCV is not installed.", "Install it: pip install 'facings[authenticity]'."
    ) from error

_LOOKED_AT_PX = 480  # longer side in which points are searched
_MAX_POINTS = 1500
_RATIO = 0.8  # of the distances to the closest and the second closest, by Lowe
_MAX_ERROR_PX = 3.0  # in a picture of `_LOOKED_AT_PX`
_MAX_TRIES, _CONFIDENCE = 5000, 0.999
_MOST_BULGE_PX, _SMOOTH_PX = 6.0, 10.0


class OpenCvRegistrar:
    """See `registration.Registrar`.

    Args:
        n_threads: Threads of OpenCV, in the whole process.
    """

    def __init__(self, *, n_threads: int) -> None:
        cv2.setNumThreads(n_threads)
        self._points = cv2.SIFT.create(_MAX_POINTS)
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    @property
    def version(self) -> str:
        """Release of OpenCV."""
        return str(cv2.__version__)

    def landmarks(self, pixels: UInt8Array) -> Landmarks:
        """See `Registrar.landmarks`."""
        height, width = pixels.shape[:2]
        scale = min(1.0, _LOOKED_AT_PX / max(height, width))
        size = max(1, round(width * scale)), max(1, round(height * scale))
        gray = cv2.cvtColor(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
        points, found = self._points.detectAndCompute(gray, None)
        if not points:
            return Landmarks(np.zeros((0, 2), np.float32), np.zeros((0, 128), np.float32), (width, height))
        descriptors = np.asarray(found, np.float32)
        roots = np.sqrt(descriptors / np.maximum(descriptors.sum(1, keepdims=True), 1.0))
        xy = np.array([point.pt for point in points], np.float32) * np.divide((width, height), size, dtype=np.float32)
        return Landmarks(xy.astype(np.float32), roots.astype(np.float32), (width, height))

    def register(self, query: Landmarks, reference: Landmarks) -> Registration | None:
        """See `Registrar.register`."""
        if min(len(query.xy), len(reference.xy)) < MIN_INLIERS:
            return None
        of_query, of_reference = _told_apart(query.descriptors, reference.descriptors)
        if len(of_query) < MIN_INLIERS:
            return None
        points = np.hstack([query.xy[of_query], reference.xy[of_reference]])
        error_px = _MAX_ERROR_PX * max(1.0, max(reference.size_px) / _LOOKED_AT_PX)
        cv2.setRNGSeed(0)
        homography, mask = cv2.findHomography(
            points[:, :2], points[:, 2:], cv2.USAC_MAGSAC, error_px, None, _MAX_TRIES, _CONFIDENCE
        )
        if homography is None:
            return None
        found = np.asarray(homography, np.float64)
        inliers = points[mask.ravel().astype(bool)]
        if len(inliers) < MIN_INLIERS or not is_plausible(found, query.size_px):
            return None
        apart = moved(inliers[:, :2], found) - inliers[:, 2:]
        return Registration(found, inliers, float(np.sqrt((apart**2).sum(1).mean())))

    def laid_over(
        self, query: UInt8Array, reference: UInt8Array, found: Registration, box: PixelBox
    ) -> tuple[UInt8Array, NDArray[np.bool_]]:
        """See `Registrar.laid_over`."""
        x1, y1, x2, y2 = box
        to_part = np.array([[1, 0, -x1], [0, 1, -y1], [0, 0, 1.0]]) @ np.linalg.inv(found.to_reference)
        size = x2 - x1, y2 - y1
        rough = cv2.warpPerspective(reference, to_part, size, flags=cv2.INTER_LINEAR)
        full = np.full(reference.shape[:2], 255, np.uint8)
        reach = cv2.warpPerspective(full, to_part, size, flags=cv2.INTER_NEAREST)
        x, y = self._bulge(_gray(query[y1:y2, x1:x2]), _gray(np.asarray(rough, np.uint8)))
        laid = cv2.remap(rough, x, y, cv2.INTER_LINEAR)
        return np.asarray(laid, np.uint8), cv2.remap(reach, x, y, cv2.INTER_NEAREST) > 0

    def _bulge(self, query: FloatArray, rough: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Where in the roughly laid picture each pixel lies: dense flow, smoothed over places that agree with it."""
        still = np.zeros((*query.shape, 2), np.float32)
        flow = self._flow.calc(_evened(query), _evened(rough), still)
        y, x = np.mgrid[0 : query.shape[0], 0 : query.shape[1]].astype(np.float32)
        there = cv2.remap(rough, x + flow[..., 0], y + flow[..., 1], cv2.INTER_LINEAR)
        mine, theirs = _detail(query), _detail(np.asarray(there, np.float32))
        energy = _blurred(mine * mine, 4)
        likeness = _blurred(mine * theirs, 4) / np.sqrt((energy + 16) * (_blurred(theirs * theirs, 4) + 16))
        weight = np.clip(likeness - 0.5, 0, 1) ** 2 * np.minimum(1, energy / 100)
        weight[(np.abs(flow) > _MOST_BULGE_PX).any(2)] = 0
        total = _blurred(weight, _SMOOTH_PX) + 1e-3  # far from all that agrees nothing moves
        moved_x, moved_y = (_blurred(weight * flow[..., k], _SMOOTH_PX) / total for k in (0, 1))
        return x + moved_x, y + moved_y


def _told_apart(query: FloatArray, reference: FloatArray) -> tuple[IntArray, IntArray]:
    """Points of the query whose closest one in the reference is clearly closer than the second, and these closest."""
    squared = (query**2).sum(1)[:, None] + (reference**2).sum(1) - 2 * query @ reference.T
    closest = squared.argmin(1)
    rows = np.arange(len(squared))
    best = squared[rows, closest]
    squared[rows, closest] = np.inf
    is_clear = np.maximum(best, 0) < _RATIO**2 * squared.min(1)
    return rows[is_clear], closest[is_clear]


def _gray(pixels: UInt8Array) -> FloatArray:
    return cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32)


def _blurred(values: FloatArray, sigma_px: float) -> FloatArray:
    return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE))


def _detail(gray: FloatArray) -> FloatArray:
    return _blurred(gray, 1) - _blurred(gray, 5)


def _evened(gray: FloatArray) -> UInt8Array:
    """Detail at one contrast everywhere, so that light does not look like motion."""
    detail = gray - _blurred(gray, 6)
    spread = np.sqrt(_blurred(detail * detail, 10) + 36)
    return np.clip(128 + 48 * detail / spread, 0, 255).astype(np.uint8)
