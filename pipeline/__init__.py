"""Everything that runs: command line, Ray Data graph, feature cache, run folder, reports."""

__version__ = "0.1.0"
