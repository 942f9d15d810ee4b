"""Published weights from the Hugging Face hub: safetensors files alone, kept in the hub library's own cache."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

from facings.errors import DependencyMissing, DownloadFailed

OTHER_WAYS = (
    "Two other ways need no network: weights from a local file, as in 'torchvision:resnet18@weights.safetensors', "
    "or a model directory, such as the bundled product-embedder (the default)."
)
_TIMEOUT_S = 20.0


def fetch_weights(repo: str, filename: str) -> Path:
    """A published file on this machine: from the cache, or else from the hub, where one attempt must succeed.

    Args:
        repo: `owner/name`.
        filename: Ends in `.safetensors`.

    Raises:
        DownloadFailed: There is no such file, it is of another format, or the hub cannot be reached.
        DependencyMissing: huggingface_hub, which timm brings, is not installed.
    """
    if not repo or not filename.endswith(".safetensors"):
        raise DownloadFailed(f"The hub has no safetensors weights for this network ({repo or filename}).", OTHER_WAYS)
    try:
        hub: Any = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise DependencyMissing(f"{repo} needs huggingface_hub, which is not installed.", "pip install timm") from error
    cached = hub.try_to_load_from_cache(repo, filename)
    if isinstance(cached, str):
        return Path(cached)
    try:
        # The download itself repeats a failed connection for half a minute; this asks once.
        hub.get_hf_file_metadata(hub.hf_hub_url(repo, filename), timeout=_TIMEOUT_S)
        return Path(hub.hf_hub_download(repo, filename))
    except Exception as error:  # the hub and its HTTP library raise many classes for one cause
        reason = str(error).strip().partition("\n")[0]
        raise DownloadFailed(f"{repo}: the hub gave no {filename} ({reason}).", OTHER_WAYS) from error
