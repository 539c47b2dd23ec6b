"""The command line: what it prints, what it writes, and one clear line for everything that can go wrong."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from pathlib import Path

import numpy as np
import pytest

import pyconv
from pyconv import cli

SMALL = ("--size", "128")


@pytest.fixture
def demo_extra() -> None:
    """Skip where the [demo] extra is not installed."""
    for module in ("matplotlib", "PIL", "scipy", "skimage", "tqdm"):
        pytest.importorskip(module)


@pytest.fixture
def untimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure no times: they take most of the demo's time, and most tests look at other things."""
    from pyconv.cli import experiments

    monkeypatch.setattr(experiments, "fastest_ms", lambda call: 1.0)


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw no picture."""
    from pyconv.cli import montage

    monkeypatch.setattr(montage, "draw", lambda *_: None)
    monkeypatch.setattr(montage, "save", lambda *_: None)


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m pyconv` in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "pyconv", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def failure(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """Run in this process, expect exit code 2 and one line on stderr, return what it says."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("pyconv: error: ")
    assert err.count("\n") == 1
    assert err.endswith("\n")
    return err.removeprefix("pyconv: error: ").rstrip()


# ---- the program ----


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert "demo " in out
    assert "info " in out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        cli.main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"pyconv {pyconv.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ((), "COMMAND"),
        (("dmeo",), "dmeo"),
        (("info", "--jsno"), "--jsno"),
        (("demo", "--threads", "0"), "'0'"),
        (("demo", "--threads", "two"), "'two'"),
        (("demo", "--size", "-3"), "--size"),
        (("demo", "--size", "127"), "128"),
    ],
)
def test_wrong_arguments(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], word: str) -> None:
    assert word in failure(capsys, *arguments)


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import contextlib, sys\n"
        "from pyconv import cli\n"
        "with contextlib.suppress(SystemExit): cli.main(['--help'])\n"
        "heavy = {'matplotlib', 'PIL', 'scipy', 'skimage', 'tqdm'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> dict[str, object]:
        raise KeyboardInterrupt

    monkeypatch.setattr("pyconv.cli.info.collect", interrupted)
    assert cli.main(["info"]) == 130


def test_closed_pipe_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [sys.executable, "-m", "pyconv", "info"], stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert result.stderr == ""
    assert result.returncode == 141


# ---- info ----


def test_info(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    facts = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert facts["pyconv"] == pyconv.__version__
    assert facts["ISA"].split()[0] == pyconv.isa()
    assert all(isa in facts["ISA"] for isa in pyconv.available_isas())
    assert facts["threads"] == str(pyconv.get_num_threads())
    assert facts["compiler"] == pyconv.compiler()
    assert facts["NumPy"] == np.__version__
    assert facts["CPU"].strip()


def test_info_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["version"] == pyconv.__version__
    assert facts["isa"] == pyconv.isa()
    assert facts["isas_available"] == list(pyconv.available_isas())
    assert facts["threads"] == pyconv.get_num_threads()


@pytest.mark.parametrize("isa", pyconv.available_isas())
def test_info_tells_a_forced_isa(isa: str) -> None:
    facts = json.loads(run("info", "--json", PYCONV_ISA=isa).stdout)
    assert facts["isa"] == facts["PYCONV_ISA"] == isa


@pytest.mark.parametrize("command", ["info", "demo"])
def test_bad_isa_is_one_line(command: str, tmp_path: Path) -> None:
    output = tmp_path / "picture.png"
    options = ("--output", str(output)) if command == "demo" else ()
    result = run(command, *options, PYCONV_ISA="avx7")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("pyconv: error: ")
    assert "avx7" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not output.exists()


# ---- demo ----


@pytest.mark.usefixtures("demo_extra")
def test_demo_from_a_pipe(tmp_path: Path) -> None:
    from PIL import Image

    output = tmp_path / "picture.png"
    result = run("demo", *SMALL, "--output", str(output), "--threads", "1")
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""  # no progress where nobody watches
    lines = result.stdout.splitlines()
    assert lines[-1] == str(output)
    assert "1 thread;" in lines[0]
    assert "DISAGREES" not in result.stdout
    # The lines that a student looks for: input, weight and output of the experiments with known sizes.
    for title, shapes in (
        ("Gaussian smoothing", "1x128x128 1x1x15x15 1x128x128"),
        ("Summed to one map", "3x128x128 1x3x3x3 1x126x126"),
        ("Each channel by itself", "3x128x128 3x1x3x3 3x126x126"),
        ("Stride 2", "3x80x80 3x1x7x7 3x37x37"),
        ("Dilation 2", "3x80x80 3x1x7x7 3x68x68"),
        ("Padding 6", "3x80x80 3x1x7x7 3x86x86"),
        ("Largest of 4x4", "3x80x80 - 3x20x20"),
        ("One kernel, one map", "3x32x32 1x3x5x5 1x28x28"),
        ("Five kernels, five maps", "3x32x32 5x3x5x5 5x28x28"),
    ):
        row = next(line for line in lines if line.startswith(f"  {title} "))
        assert " ".join(row[len(title) + 2 :].split()).startswith(shapes), row

    with Image.open(output) as picture:
        assert picture.format == "PNG"
        assert 2000 <= picture.width <= 2600
        assert picture.height > picture.width
        pixels = np.asarray(picture.convert("RGB"), dtype=np.int64)
    assert output.stat().st_size > 200_000
    # A white page with ink on it, in every band of its height: no section may be missing.
    for band in np.array_split(pixels, 6):
        assert 0.15 < (band.min(axis=2) == 255).mean() < 0.95
        assert band.std() > 30


@pytest.mark.usefixtures("demo_extra")
def test_quiet_prints_the_path_alone(tmp_path: Path) -> None:
    output = tmp_path / "picture.pdf"
    result = run("demo", *SMALL, "--quiet", "--output", str(output))
    assert (result.returncode, result.stdout, result.stderr) == (0, f"{output}\n", "")
    assert output.read_bytes().startswith(b"%PDF-")


@pytest.mark.usefixtures("demo_extra")
def test_progress_shows_on_a_terminal(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))  # a new terminal has no width
    program = subprocess.Popen(
        [sys.executable, "-m", "pyconv", "demo", *SMALL, "--output", str(tmp_path / "picture.png")],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # the other end is closed: Linux tells it so
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert program.communicate(timeout=300)[0].rstrip().endswith("picture.png")
    assert program.returncode == 0
    assert b"Sobel edges" in shown
    assert b"Drawing" in shown


@pytest.mark.usefixtures("demo_extra", "untimed", "undrawn")
def test_threads_hold_for_the_demo_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = pyconv.get_num_threads()
    assert cli.main(["demo", *SMALL, "--threads", "3", "--output", str(tmp_path / "picture.png")]) == 0
    assert "3 threads" in capsys.readouterr().out
    assert pyconv.get_num_threads() == before


@pytest.mark.usefixtures("demo_extra", "untimed")
def test_name_is_no_formula(tmp_path: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    # A dollar sign must not start a formula in the caption, nor a letter that the font lacks give a warning.
    photo, output = tmp_path / "5$ a_b$ \u7f8e.png", tmp_path / "picture.png"
    Image.fromarray(rng.integers(0, 256, (90, 40, 3), dtype=np.uint8)).save(photo)
    assert cli.main(["demo", "--quiet", *SMALL, "--image", str(photo), "--output", str(output)]) == 0
    assert output.stat().st_size > 100_000


@pytest.mark.usefixtures("demo_extra")
@pytest.mark.parametrize(
    ("mode", "color", "expected"),
    [
        ("RGB", (255, 51, 0), (1, 0.2, 0)),
        ("RGBA", (255, 51, 0, 0), (1, 1, 1)),  # transparent: the white below
        ("L", 51, (0.2, 0.2, 0.2)),
        ("CMYK", (0, 0, 0, 255), (0, 0, 0)),
    ],
)
def test_photo_of_any_kind(mode: str, color: object, expected: tuple[float, ...], tmp_path: Path) -> None:
    from PIL import Image

    from pyconv.cli import photo

    file = tmp_path / "photo.tif"
    Image.new(mode, (30, 50), color).save(file)  # type: ignore[arg-type]
    loaded = photo.load(file)
    rgb = loaded.rgb(16)
    assert rgb.shape == (3, 16, 16)
    assert rgb.dtype == np.float32
    assert loaded.grey(16).shape == (1, 16, 16)
    np.testing.assert_allclose(rgb, np.broadcast_to(np.reshape(expected, (3, 1, 1)), rgb.shape), atol=1e-6)


@pytest.mark.usefixtures("demo_extra")
def test_photo_of_16_bits_keeps_its_range(tmp_path: Path) -> None:
    from PIL import Image

    from pyconv.cli import photo

    ramp = np.tile(np.linspace(1000, 60000, 64).astype(np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    row = photo.load(tmp_path / "ramp.png").grey(64)[0, 0]
    assert row[0] == 0
    assert row[-1] == pytest.approx(1)
    assert np.all(np.diff(row) > 0)


@pytest.mark.usefixtures("demo_extra")
def test_photo_is_cut_to_its_middle(tmp_path: Path) -> None:
    from PIL import Image

    from pyconv.cli import photo

    wide = np.zeros((40, 120, 3), dtype=np.uint8)
    wide[:, 40:80] = 255
    Image.fromarray(wide).save(tmp_path / "wide.png")
    assert photo.load(tmp_path / "wide.png").rgb(40).min() == 1


@pytest.mark.usefixtures("demo_extra", "untimed", "undrawn")
def test_wrong_result_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from pyconv import reference

    true_pool = reference.max_pool2d
    monkeypatch.setattr(reference, "max_pool2d", lambda *args, **kwargs: true_pool(*args, **kwargs) + 1e-6)
    assert cli.main(["demo", *SMALL, "--output", str(tmp_path / "picture.png")]) == 1
    assert capsys.readouterr().out.count("DISAGREES") == 3  # the three poolings, and nothing else


# ---- the demo's errors ----


@pytest.mark.usefixtures("demo_extra", "untimed")
class TestDemoErrors:
    """Exit code 2, one line, before any work."""

    def test_no_such_image(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        missing = tmp_path / "missing.png"
        text = failure(capsys, "demo", "--image", missing, "--output", tmp_path / "out.png")
        assert text == f"cannot read {missing}: No such file or directory"
        assert list(tmp_path.iterdir()) == []

    def test_image_is_a_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        text = failure(capsys, "demo", "--image", tmp_path, "--output", tmp_path / "out.png")
        assert text == f"cannot read {tmp_path}: Is a directory"

    @pytest.mark.parametrize("content", [b"", b"not a picture\n", bytes(range(256)) * 40])
    def test_no_image(self, content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        file = tmp_path / "text.png"
        file.write_bytes(content)
        text = failure(capsys, "demo", "--image", file, "--output", tmp_path / "out.png")
        assert text == f"{file} is not an image in a format that Pillow reads"

    def test_truncated_image(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from PIL import Image

        file = tmp_path / "half.png"
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(noise).save(file)
        file.write_bytes(file.read_bytes()[:5000])
        text = failure(capsys, "demo", "--image", file, "--output", tmp_path / "out.png")
        assert text.startswith(f"cannot read {file}: ")

    def test_output_in_no_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        output = tmp_path / "nowhere" / "out.png"
        assert failure(capsys, "demo", "--output", output) == f"cannot write {output}: No such file or directory"

    def test_output_is_a_folder(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        output = tmp_path / "out.png"
        output.mkdir()
        assert failure(capsys, "demo", "--output", output) == f"cannot write {output}: Is a directory"

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
    def test_output_not_permitted(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        tmp_path.chmod(0o500)
        output = tmp_path / "out.png"
        assert failure(capsys, "demo", "--output", output) == f"cannot write {output}: Permission denied"

    @pytest.mark.parametrize("name", ["out", "out.doc"])
    def test_output_in_no_known_format(self, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        text = failure(capsys, "demo", "--output", tmp_path / name)
        assert "png" in text.removeprefix(f"cannot write {tmp_path / name}")

    def test_photograph_is_not_overwritten(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        from PIL import Image

        photo = tmp_path / "photo.png"
        Image.new("RGB", (200, 200), "orange").save(photo)
        before = photo.read_bytes()
        assert "photograph itself" in failure(capsys, "demo", "--image", photo, "--output", photo)
        assert photo.read_bytes() == before

    def test_disk_is_full(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def full(*_: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("pyconv.cli.montage.save", full)
        output = tmp_path / "out.png"
        assert failure(capsys, "demo", "--quiet", *SMALL, "--output", output).endswith("No space left on device")

    def test_extra_is_missing(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        import importlib.util

        find_spec = importlib.util.find_spec

        def without_skimage(name: str, package: str | None = None) -> object:
            return None if name == "skimage" else find_spec(name, package)

        monkeypatch.setattr(importlib.util, "find_spec", without_skimage)
        assert failure(capsys, "demo") == "the demo needs scikit-image: pip install 'pyconv-simd[demo]'"
