"""What others leave us as standard streams, in processes of their own: ours are pytest's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PREPARED = "from chatctl import standard; standard.prepare(); import os, sys\n"


def run(code, redirections="", **env):
    """Run Python code behind a shell's redirections."""
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$0" -c "$1" {redirections}', sys.executable, PREPARED + code],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=30,
    )


UNBUFFERED = pytest.mark.parametrize("unbuffered", ["", "1"])


class TestClosed:
    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- >&- 2>&-"])
    def test_no_other_file_takes_its_number(self, closed, tmp_path):
        code = f"n = os.open('/dev/zero', 0); open({str(tmp_path / 'n')!r}, 'w').write(str(n))"
        assert run(code, closed).returncode == 0
        assert int((tmp_path / "n").read_text()) > 2

    def test_an_input_is_empty(self):
        assert run("print(repr(sys.stdin.read()))", "<&-").stdout == "''\n"

    def test_an_output_fails_and_is_named(self):
        done = run(
            "try: print('x', flush=True)\n"
            "except standard.CannotWrite as error:\n"
            "    standard.give_up_output(); sys.exit(standard.why(error))",
            ">&-",
        )
        assert (done.returncode, done.stderr) == (1, "it is closed\n")

    def test_an_output_that_is_not_needed_is_dropped(self):
        assert run("standard.allow_closed_output(); print('x', flush=True)", ">&-").returncode == 0
        assert run("standard.allow_closed_output(); print('x', flush=True)").stdout == "x\n"

    def test_errors_are_dropped(self):
        done = run("sys.stderr.write('x\\n'); print('on')", "2>&-")
        assert (done.returncode, done.stdout) == (0, "on\n")

    def test_a_child_has_them_too(self):
        code = "import subprocess; print(subprocess.run(['/bin/sh', '-c', 'read x']).returncode)"
        assert run(code, "<&- 2>&-").stdout == "1\n"  # the end of its input


class TestFull:
    @UNBUFFERED
    def test_an_output_is_a_failure_once(self, unbuffered):
        done = run(
            "try: print('x', flush=True)\n"
            "except standard.CannotWrite as error:\n"
            "    standard.give_up_output(); sys.exit(standard.why(error))",
            ">/dev/full",
            PYTHONUNBUFFERED=unbuffered,
        )
        assert (done.returncode, done.stderr) == (1, "No space left on device\n")

    @UNBUFFERED
    def test_errors_are_dropped(self, unbuffered):
        done = run(
            "sys.stderr.write('x\\n'); print('on')", "2>/dev/full", PYTHONUNBUFFERED=unbuffered
        )
        assert (done.returncode, done.stdout) == (0, "on\n")


def start(code, stream, to, **env):
    return subprocess.Popen(
        [sys.executable, "-c", PREPARED + code],
        cwd=ROOT,
        env={**os.environ, **env},
        **{stream: to},
    )


@UNBUFFERED
@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_pipe_that_does_not_block_gets_everything(stream, unbuffered):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    code = f"print('x' * 1_000_000, file=sys.{stream})"
    process = start(code, stream, writing, PYTHONUNBUFFERED=unbuffered)
    os.close(writing)
    with open(reading, "rb") as pipe:
        assert pipe.read() == b"x" * 1_000_000 + b"\n"
    assert process.wait(30) == 0


def test_an_output_that_nobody_reads_is_a_broken_pipe():
    reading, writing = os.pipe()
    os.close(reading)
    code = "try: print('x', flush=True)\nexcept BrokenPipeError: os._exit(7)"
    process = start(code, "stdout", writing)
    os.close(writing)
    assert process.wait(30) == 7


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_a_character_that_the_encoding_lacks_becomes_a_question_mark(encoding):
    done = run("print('каша\\udc80')", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stdout) == (0, "каша?\n" if encoding == "utf-8" else "?????\n")


def test_a_line_that_was_interrupted_is_not_printed_again():
    # It comes between two of Python's own steps, when all was written and nobody knows it yet.
    code = """
class Interrupted(standard._Output):
    def write(self, data):
        written = super().write(data)
        if data.tobytes() == b"once\\n" and not hasattr(self, "was"):
            self.was = True
            raise KeyboardInterrupt
        return written

raw = Interrupted(1, "w", closefd=False)
sys.stdout = standard._text(raw, sys.stdout, errors="replace")
with standard.until_interrupted():
    print("once", flush=True)
"""
    done = run(code)
    assert (done.returncode, done.stdout, done.stderr) == (0, "once\n", "")
