"""The whole way once, on routines that it draws itself."""

import lazy_loader

# It needs torch and matplotlib.
__getattr__, _, _heavy = lazy_loader.attach(
    __name__,
    submod_attrs={
        "run": ["run_demo"],
    },
)
__all__ = [
    "run_demo",
]
