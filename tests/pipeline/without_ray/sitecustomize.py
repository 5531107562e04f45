"""Python runs this as it starts, where the folder is in PYTHONPATH: ``import ray`` is an error.

The fixture ``ray_is_refused`` puts it there for the processes that a test starts, Ray's driver
among them.
"""

import sys


class RefuseRay:
    def find_spec(self, name: str, *_: object) -> None:
        if name == "ray":
            raise ImportError("this test starts Ray: let it use no_ray, or move it to real_ray")


sys.meta_path.insert(0, RefuseRay())
