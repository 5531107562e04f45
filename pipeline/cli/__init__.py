"""The command line."""

from pipeline.cli.commands import app, main

__all__ = ["app", "main"]
