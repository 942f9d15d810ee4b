"""Published weights, from a hub on this machine that speaks as the real one does."""

from __future__ import annotations

import importlib
import pickle
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NoReturn

import pytest

from facings.errors import DependencyMissing, DownloadFailed, ModelMismatch

torch = pytest.importorskip("torch", reason="needs the train extra")
timm = pytest.importorskip("timm", reason="needs the train extra")
huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs the train extra")
constants = pytest.importorskip("huggingface_hub.constants", reason="needs the train extra")
safetensors_torch = pytest.importorskip("safetensors.torch", reason="needs the train extra")

import torchvision  # noqa: E402

from facings.train.backbones import load_trunk  # noqa: E402
from facings.train.hub import fetch_weights  # noqa: E402

pytestmark = pytest.mark.torch

BOTH_WAYS = r"local file, as in 'torchvision:resnet18@weights\.safetensors', or a model directory"


class Hub(ThreadingHTTPServer):
    """Serves `files` (path → content), and notes what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        super().__init__(("127.0.0.1", 0), Answer)


class Answer(BaseHTTPRequestHandler):
    """One request to the hub."""

    timeout = 10

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self.wfile.write(self._answer())

    def log_message(self, *_said: Any) -> None:
        pass

    def _answer(self) -> bytes:
        hub: Any = self.server
        hub.asked.append((self.command, self.path))
        content: bytes | None = hub.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("X-Repo-Commit", "0" * 40)
        if content is None:
            self.send_header("X-Error-Code", "EntryNotFound")
        self.send_header("ETag", '"0123456789abcdef"')
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        return content or b""


def point_to(port: int, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the hub's library find the hub at a port of this machine, as HF_ENDPOINT does when it is imported."""
    address = f"http://127.0.0.1:{port}"
    monkeypatch.setattr(constants, "ENDPOINT", address)
    template = f"{address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)  # else it asks for more, at most once a day
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    huggingface_hub.close_session()
    with Hub() as server:
        point_to(server.server_port, tmp_path / "cache", monkeypatch)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield server
        huggingface_hub.close_session()
        server.shutdown()
        thread.join(10)


@pytest.fixture
def no_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A port that nobody listens at."""
    huggingface_hub.close_session()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    point_to(port, tmp_path / "cache", monkeypatch)
    yield
    huggingface_hub.close_session()


def path_of(repo: str) -> str:
    return f"/{repo}/resolve/main/model.safetensors"


def test_weights_come_from_the_hub_once_and_then_from_the_cache(hub: Hub) -> None:
    hub.files[path_of("somebody/network")] = b"some bytes"
    first = fetch_weights("somebody/network", "model.safetensors")
    assert first.read_bytes() == b"some bytes"
    assert ("GET", path_of("somebody/network")) in hub.asked
    hub.asked.clear()
    assert fetch_weights("somebody/network", "model.safetensors") == first
    assert hub.asked == []


def test_timm_network_has_the_hubs_weights_and_nothing_is_unpickled(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> NoReturn:
        raise AssertionError("something was unpickled")

    torch.manual_seed(0)
    network = timm.create_model("test_resnet").eval()
    hub.files[path_of("timm/test_resnet.r160_in1k")] = safetensors_torch.save(network.state_dict())
    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, refuse)
    trunk = load_trunk("timm:test_resnet")
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = network.forward_head(network.forward_features(image), pre_logits=True)
        torch.testing.assert_close(trunk.backbone(image), wanted, atol=0, rtol=0)
    assert {path for _, path in hub.asked} == {path_of("timm/test_resnet.r160_in1k")}
    assert (trunk.architecture, trunk.license) == ("timm:test_resnet", "apache-2.0")
    assert trunk.source == "Hugging Face hub, timm/test_resnet.r160_in1k"


def test_torchvision_network_has_torchvisions_weights(hub: Hub) -> None:
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None).eval()
    hub.files[path_of("timm/resnet18.tv_in1k")] = safetensors_torch.save(network.state_dict())
    trunk = load_trunk("torchvision:resnet18")
    image = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network.fc(trunk.backbone(image)), network(image), atol=0, rtol=0)
    assert trunk.source == "Hugging Face hub, timm/resnet18.tv_in1k"


def test_weights_of_another_network_on_the_hub_are_refused(hub: Hub) -> None:
    hub.files[path_of("timm/test_resnet.r160_in1k")] = safetensors_torch.save({"odd": torch.ones(1)})
    with pytest.raises(ModelMismatch, match=r"timm/test_resnet.r160_in1k.*surplus: odd"):
        load_trunk("timm:test_resnet")


def test_hub_without_the_file_names_the_two_other_ways(hub: Hub) -> None:
    with pytest.raises(DownloadFailed, match=f"gave no model.safetensors.*{BOTH_WAYS}"):
        load_trunk("torchvision:resnet34")
    assert hub.asked == [("HEAD", path_of("timm/resnet34.tv_in1k"))]  # no pickle is asked for instead


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("start", ["torchvision:resnet18", "timm:resnet50d"])
def test_hub_out_of_reach_is_said_at_once_with_the_two_other_ways(start: str) -> None:
    began = time.monotonic()
    with pytest.raises(DownloadFailed, match=BOTH_WAYS):
        load_trunk(start)
    assert time.monotonic() - began < 10  # the hub's own library would go on for half a minute


@pytest.mark.parametrize(("repo", "file"), [("", "model.safetensors"), ("somebody/network", "pytorch_model.bin")])
def test_network_without_safe_weights_is_refused_before_anything_is_asked(hub: Hub, repo: str, file: str) -> None:
    with pytest.raises(DownloadFailed, match=f"no safetensors weights.*{BOTH_WAYS}"):
        fetch_weights(repo, file)
    assert hub.asked == []


def test_hub_library_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DependencyMissing, match="pip install timm"):
        fetch_weights("somebody/network", "model.safetensors")
