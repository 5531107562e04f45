"""A page on this machine: videos dropped, queued, scored and shown, on Ray Serve."""

import lazy_loader

from pipeline.serving.options import GIB, LOOPBACK, Limits, ServeOptions

# It needs Ray Serve and FastAPI, the extra "serve".
__getattr__, _, _heavy = lazy_loader.attach(__name__, submod_attrs={"server": ["serve_forever"]})
__all__ = ["GIB", "LOOPBACK", "Limits", "ServeOptions", "serve_forever"]
