"""How fast the path is: photos a second from decode to decision, each step alone, start-up time, memory.

python benchmarks/path.py     (about ten minutes on two cores)

Photos are 200 of the Grocery Store Dataset (FACINGS_DATA, else ../shared/data), about 464×348 pixels. The
baseline of the same run is what one writes first: Pillow, a resize, the same network in ONNX Runtime with its default
options, and a matrix product. Each figure runs in a process of its own, three times; the median is shown with the span.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import numpy as np

    from facings.manifest import LabelledPhoto
    from facings.pipeline import Pipeline
    from facings.types import Candidate, Embeddings

T = TypeVar("T")

N_PHOTOS, N_ENROLLED, N_WARM_UP, REPEATS = 200, 500, 10, 3
N_MEMORY, N_QUERIES = 5000, 1000
DATA = Path(os.environ.get("FACINGS_DATA", "../shared/data"))


def main() -> None:
    """Run everything and rewrite the section of docs/results.md."""
    from results_page import machine, markdown_table, write_section

    runs = {
        (what, threads): [_child(what, str(threads)) for _ in range(REPEATS)]
        for what in ("path", "baseline")
        for threads in (1, 2)
    }
    names = {"path": "Facings, decode → decision", "baseline": "baseline"}
    speed = [
        (names[what], threads, _span([run["photos_per_s"] for run in several], 1))
        for (what, threads), several in runs.items()
    ]
    steps = list(runs["path", 1][0]["steps_ms"])
    by_step = [
        (step, *(_span([run["steps_ms"][step] for run in runs["path", threads]], 2) for threads in (1, 2)))
        for step in steps
    ]
    start = [(name, _span(_start_up(command), 3)) for name, command in _START_UP.items()]
    memory = [(what, f"{mb:.0f}") for what, mb in _child("memory", "2")["peak_mb"].items()]
    conditions = (
        f"`python benchmarks/path.py` on {machine()}. {N_PHOTOS} photos of the Grocery Store test set, "
        f"{N_ENROLLED} enrolled, starter model in fp32. Median of {REPEATS} runs (lowest to highest). "
        "The baseline is the loop one writes first: Pillow, a resize, the same network in ONNX Runtime with its "
        "default options, one matrix product."
    )
    write_section(
        "path",
        "\n\n".join(
            [
                "## Speed and memory of the path",
                conditions,
                markdown_table(("photos a second", "threads", "median (span)"), speed),
                markdown_table(("ms a photo, by step", "1 thread", "2 threads"), by_step),
                markdown_table(("start-up", "seconds"), start),
                f"Memory while {N_MEMORY} photos are enrolled and {N_QUERIES} recognized, two threads:",
                markdown_table(("moment", "peak resident memory, MB"), memory),
            ]
        ),
    )


_START_UP = {
    "python -c pass (baseline)": ["-c", "pass"],
    "import facings": ["-c", "import facings"],
    "facings --help": ["-m", "facings.cli", "--help"],
    "import facings; facings.open_workspace": ["-c", "import facings; facings.open_workspace"],
}


def _start_up(arguments: list[str]) -> list[float]:
    seconds = []
    for _ in range(10):
        started = time.perf_counter()
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        seconds.append(time.perf_counter() - started)
    return seconds


def _child(*arguments: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, __file__, "--child", *arguments], check=True, stdout=subprocess.PIPE, text=True
    )
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def _span(values: list[float], digits: int) -> str:
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def _photos(split: str, n: int) -> list[LabelledPhoto]:
    from facings.manifest import read_manifest

    photos = read_manifest(DATA / "grocery-store" / f"{split}.txt").photos
    return [photos[i * len(photos) // n] for i in range(n)]


def measure_path(threads: int) -> dict[str, Any]:
    """Photos a second, and milliseconds of each step, on photos already in the page cache."""
    from facings.compose import init_workspace
    from facings.crop import crop
    from facings.decide import decide
    from facings.embed import prepare
    from facings.images import decode, read_bytes
    from facings.networks import STARTER_MODEL
    from facings.types import Embeddings

    with tempfile.TemporaryDirectory() as folder:
        workspace = init_workspace(f"{folder}/store", threads=threads, detector="whole-photo", model=STARTER_MODEL)
        workspace.enroll(_photos("train", N_ENROLLED))
        paths = [photo.path for photo in _photos("test", N_PHOTOS)]
        pipeline = workspace.pipeline(is_recording=False)
        list(pipeline.recognize(paths[:N_WARM_UP]))
        started = time.perf_counter()
        failed = [result for result in pipeline.recognize(paths) if result.error]
        seconds = time.perf_counter() - started
        assert not failed

        steps: dict[str, float] = {}
        with pipeline.gallery.current() as gallery:
            calibration = pipeline.calibration.at(gallery.version)

        def timed(step: str, call: Callable[[], T]) -> T:
            begin = time.perf_counter()
            value = call()
            steps[step] = steps.get(step, 0.0) + time.perf_counter() - begin
            return value

        for path in paths:
            data = read_bytes(path)
            image = timed("1 decode", lambda: decode(data, source="photo"))  # noqa: B023
            boxes = timed("2 detect", lambda: pipeline.finder.detector.detect(image))  # noqa: B023
            crops = timed("3 crop", lambda: crop(image, boxes))  # noqa: B023
            card = pipeline.embedder.card
            batch = timed("4 embed: prepare", lambda: prepare(crops.pixels[0], card.preparation)[None])  # noqa: B023
            rows = timed("4 embed: network", lambda: pipeline.embedder.run(batch))  # noqa: B023
            queries = Embeddings(rows, "benchmark")
            found = timed("5 match", lambda: _match(pipeline, queries))  # noqa: B023
            timed("6 decide", lambda: decide(rows, found, calibration, pipeline.promise))  # noqa: B023
    return {
        "photos_per_s": N_PHOTOS / seconds,
        "steps_ms": {step: 1000 * total / N_PHOTOS for step, total in steps.items()},
    }


def _match(pipeline: Pipeline, queries: Embeddings) -> tuple[tuple[Candidate, ...], ...]:
    """As the pipeline does it, with the look into the store for what others enrolled."""
    from facings.decide import N_COMPARED
    from facings.match import match

    with pipeline.gallery.current() as gallery:
        return match(queries, gallery.index, gallery.sku_of, k=N_COMPARED)


def measure_baseline(threads: int) -> dict[str, Any]:
    """The loop one writes first, with the same network and the same gallery size."""
    import numpy as np
    import onnxruntime
    from PIL import Image

    import facings

    model = Path(facings.__file__).parent / "weights" / "starter" / "model.onnx"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options)

    def row(path: Path) -> np.ndarray[Any, Any]:
        picture = Image.open(path).convert("RGB").resize((256, 256), Image.Resampling.BICUBIC).crop((16, 16, 240, 240))
        unit: np.ndarray[Any, Any] = session.run(None, {"image": np.asarray(picture).transpose(2, 0, 1)[None]})[0][0]
        return unit

    gallery = np.stack([row(photo.path) for photo in _photos("train", N_ENROLLED)])
    paths = [photo.path for photo in _photos("test", N_PHOTOS)]
    started = time.perf_counter()
    for path in paths:
        int((gallery @ row(path)).argmax())
    return {"photos_per_s": N_PHOTOS / (time.perf_counter() - started)}


def measure_memory(threads: int) -> dict[str, Any]:
    """Peak memory after start, after enrolling 5,000 different photos, and after recognizing 1,000."""
    import numpy as np
    from PIL import Image

    from facings.compose import init_workspace
    from facings.manifest import LabelledPhoto
    from facings.networks import STARTER_MODEL

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        photos = []
        for number in range(N_MEMORY):
            path = Path(folder) / f"{number}.jpg"
            small = rng.integers(0, 256, (15, 11, 3), np.uint8)
            Image.fromarray(small).resize((348, 464), Image.Resampling.BILINEAR).save(path, quality=85)
            photos.append(LabelledPhoto(path, f"sku-{number // 10}"))
        workspace = init_workspace(f"{folder}/store", threads=threads, detector="whole-photo", model=STARTER_MODEL)
        workspace.embedder.run(np.zeros((1, 3, 224, 224), np.uint8))
        peak = {"model loaded": _peak_mb()}
        workspace.enroll(photos)
        peak[f"{N_MEMORY} photos enrolled"] = _peak_mb()
        for count, result in enumerate(workspace.recognize([photo.path for photo in photos[:N_QUERIES]]), start=1):
            assert result.error is None
            if count in {1, N_QUERIES}:
                peak[f"gallery loaded, {count} photos recognized"] = _peak_mb()
    return {"peak_mb": peak}


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if "--child" in sys.argv:
        what, n_threads = sys.argv[2:4]
        measure = {"path": measure_path, "baseline": measure_baseline, "memory": measure_memory}[what]
        print(json.dumps(measure(int(n_threads))))
    else:
        main()
