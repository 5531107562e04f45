"""What a mistake of the user raises in this package."""


class AqaError(Exception):
    """One clear line: which file or key, what is wrong (got / expected), what to do."""


class SpoiledError(AqaError):
    """A file that this package wrote, and whose content is not what was written."""


def listing(items: list[str], limit: int = 20) -> str:
    """``["a", "b", "c"]`` -> ``"a, b, c"``; past ``limit`` items ``"a, b and 23 more"``."""
    if len(items) <= limit:
        return ", ".join(items)
    return f"{', '.join(items[:limit])} and {len(items) - limit} more"
