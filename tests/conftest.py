"""What tests of every floor share."""

import sys

import pytest

from twin.command_line import main


@pytest.fixture
def twin(monkeypatch, capsys):
    """Runs the command line; answers its exit code, and what it printed and complained."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["twin", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return run
