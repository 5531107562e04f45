"""What a command that was broken off says."""

from __future__ import annotations

import pytest
import typer

from pipeline.cli.options import guarded


@pytest.mark.parametrize(
    ("resumes", "said"),
    [
        (True, "interrupted; what is finished is kept, the same command does the rest"),
        (False, "interrupted; the same command begins anew"),
    ],
)
def test_only_what_goes_on_says_so(
    resumes: bool, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def command() -> int:
        raise KeyboardInterrupt

    with pytest.raises(typer.Exit) as ending:
        guarded(command, resumes=resumes)()
    assert ending.value.exit_code == 130 and capsys.readouterr().err == f"error: {said}\n"
