"""Everything that runs: command line, extraction, training, scoring, reports."""

__version__ = "0.1.0"
