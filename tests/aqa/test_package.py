import subprocess
import sys

import aqa


def test_importing_the_package_loads_nothing_heavy():
    code = "import sys, aqa; print([m for m in ('torch', 'numpy', 'pydantic') if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"


def test_every_export_is_there():
    for name in aqa.__all__:
        assert getattr(aqa, name) is not None
    assert set(aqa.__all__) <= set(dir(aqa))
