"""Compiles ``kernel.c`` when the package is built. Where that cannot be, Pillow does its work."""

from __future__ import annotations

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FOLDER = "extractors/resampling"


class KernelHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        folder = Path(self.root, FOLDER)
        library, fresh = folder / "kernel.so", folder / f"kernel.{os.getpid()}.tmp"
        command = [*os.environ.get("CC", "cc").split(), "-O3", "-shared", "-fPIC"]
        try:
            subprocess.run(
                [*command, "-o", fresh, folder / "kernel.c"], check=True, capture_output=True
            )
            fresh.replace(library)
        except (OSError, subprocess.CalledProcessError) as error:
            library.unlink(missing_ok=True)
            self.app.display_warning(f"no compiled kernel, frames are prepared slower: {error}")
            return
        platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{platform}"
        build_data["artifacts"].append(f"/{FOLDER}/kernel.so")
