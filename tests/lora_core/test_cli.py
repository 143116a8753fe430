"""The command line: what it prints, how it refuses, and what it costs to ask for help."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lora_core import AdapterConfig, cli, commands
from lora_core.config import METHODS
from lora_core.planning.method_cost import method_cost

ROOT = Path(__file__).parents[2]


def pradit(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "lora_core", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(["--help"])
    assert stopped.value.code == 0
    listed = capsys.readouterr().out
    for path in Path(commands.__path__[0]).glob("[a-z]*.py"):
        assert f"\n    {path.stem} " in listed
        with pytest.raises(SystemExit) as stopped:
            cli.main([path.stem, "--help"])
        assert stopped.value.code == 0
        assert capsys.readouterr().out.startswith(f"usage: pradit {path.stem} ")


@pytest.mark.parametrize("arguments", [[], ["no-such-command"], ["methods", "--rank", "many"]])
def test_a_command_line_that_says_nothing_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        cli.main(arguments)
    assert stopped.value.code == 2
    assert "pradit" in capsys.readouterr().err.splitlines()[-1]


class Failing:
    """A command that ends in an error."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def __call__(self) -> argparse.ArgumentParser:
        parser = argparse.ArgumentParser(prog="pradit")
        parser.set_defaults(run=self.run)
        return parser

    def run(self, arguments: argparse.Namespace) -> int:
        raise self.error


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (ValueError("rank is 0,\n  expected 1 to 8"), "pradit: rank is 0, expected 1 to 8\n", 2),
        (ValueError(), "pradit: ValueError\n", 2),
        (
            FileNotFoundError(2, "No such file or directory", "a b"),
            "pradit: a b: No such file or directory\n",
            2,
        ),
        (OSError("the disk is full"), "pradit: the disk is full\n", 2),
        (KeyboardInterrupt(), "", 130),
    ],
)
def test_a_refusal_is_one_line(
    error: BaseException,
    line: str,
    status: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(cli, "parser", Failing(error))
    assert cli.main([]) == status
    assert capsys.readouterr() == ("", line)


def test_a_fault_of_ours_is_not_taken_for_a_refusal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cli, "parser", Failing(TypeError("ours")))
    with pytest.raises(TypeError, match="ours"):
        cli.main([])


def test_a_reader_that_leaves_early_sees_no_traceback() -> None:
    writer = subprocess.Popen(
        [sys.executable, "-m", "lora_core", "methods", "--json"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout
    assert writer.stderr
    writer.stdout.close()
    assert writer.stderr.read() == ""
    writer.stderr.close()
    assert writer.wait() == 1


# methods


def test_methods_tells_paper_and_cost_of_each(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods", "--json", "--d-out", "64", "--d-in", "32", "--rank", "4", "--rows", "8"]) == 0
    found = {each["method"]: each for each in json.loads(capsys.readouterr().out)}
    assert tuple(found) == METHODS
    # By hand: W is 64 by 32, P = 4 * 96; forward, input's and parameters' gradient of each of 8 rows.
    assert found["lora"]["trained"] == 384
    assert found["lora"]["step"] == 2 * 8 * (2 * 64 * 32 + 3 * 384)
    assert found["dora"]["trained"] == 384 + 64
    assert found["lora-pro"]["optimizer_bytes"] == 2 * 4 * 64 * 32
    assert found["lora"]["paper"] == (
        'Hu et al. 2021, "Low-Rank Adaptation of Large Language Models", arXiv:2106.09685'
    )
    for method, each in found.items():
        assert "arXiv:" in each["paper"]
        three = dict.fromkeys("abc", (64, 32))
        whole = method_cost(method, three, list(three), rank=4, rows=8)
        alone = method_cost(method, {"a": (64, 32)}, ["a"], rank=4, rows=8)
        assert whole.flops == alone.flops + 2 * (each["step"] + each["update"])


def test_methods_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["methods"]) == 0
    out = capsys.readouterr().out
    rank = AdapterConfig().rank
    assert out.startswith(f"W (4096, 4096), rank {rank}, ")
    for method in METHODS:
        assert len([line for line in out.splitlines() if line.split()[:1] == [method]]) == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["--rank", "9", "--d-in", "8"], "rank is 9, expected 1 to 8 for a layer (4096, 8)"),
        (["--rank", "0"], "rank is 0, expected 1 to 4096 for a layer (4096, 4096)"),
        (["--rows", "0"], "rows 0"),
    ],
)
def test_methods_refuses_what_no_layer_has(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["methods", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert line in err
    assert err.count("\n") == 1
