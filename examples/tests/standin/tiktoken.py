"""Fetches its file where its cache does not have it."""

import os
import tempfile
from pathlib import Path

from aiopslab.journal import note


def encoding_for_model(model):
    cache = Path(os.environ.get("TIKTOKEN_CACHE_DIR") or os.path.join(tempfile.gettempdir(), "data-gym-cache"))
    if not (cache / "cl100k_base").exists():
        if os.environ.get("STANDIN_NETWORK") == "none":
            raise ConnectionError("Failed to resolve 'openaipublic.blob.core.windows.net'")
        note("fetch tokenizer")
        cache.mkdir(parents=True, exist_ok=True)
        (cache / "cl100k_base").touch()
