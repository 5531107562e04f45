"""Ray for as long as work needs it, driven from a process of its own, and the devices there are."""

from pipeline.cluster.devices import choose_cluster_device, choose_device, usable_cpus
from pipeline.cluster.driver import RayLostError, driven
from pipeline.cluster.session import RayOptions, ray_session

__all__ = [
    "RayLostError",
    "RayOptions",
    "choose_cluster_device",
    "choose_device",
    "driven",
    "ray_session",
    "usable_cpus",
]
