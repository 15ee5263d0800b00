import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
import http.client
import json
import os
from pathlib import Path
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys

from camhub_pi import cli, store_cli
from camhub_pi.access import TokenMissing, read_token
from camhub_pi.cli import main, parser, serve, settings_of
from camhub_pi.server import CameraServer
from camhub_pi.service import quoted, store_unit, unit
from camhub_pi.settings import Settings, StoreSettings
import pytest

PI = Path(__file__).parents[2] / "pi"


def options(unit_text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in unit_text.splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


class TestService:
    def test_flag_and_command_print_the_unit(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["--service", "--size", "1280x720", "--fps", "15", "--max-clients", "5"]) == 0
        by_flag = capsys.readouterr().out
        assert main(["service", "--size", "1280x720", "--fps", "15", "--max-clients", "5"]) == 0
        assert capsys.readouterr().out == by_flag
        assert by_flag.startswith("# Save as /etc/systemd/system/camhub-pi.service")
        assert "sudo systemctl enable --now camhub-pi.service" in by_flag
        found = options(by_flag)
        (command,) = found["ExecStart"]
        assert command.endswith("-m camhub_pi serve --size=1280x720 --fps=15 --max-clients=5")
        assert found["Restart"] == ["always"]
        assert found["NoNewPrivileges"] == ["yes"]
        assert found["ProtectSystem"] == ["strict"]
        assert found["SupplementaryGroups"] == ["video"]
        assert found["WantedBy"] == ["multi-user.target"]

    @pytest.mark.parametrize("user", [None, "pi"])
    def test_systemd_finds_nothing_wrong(self, tmp_path: Path, user: str | None) -> None:
        text = unit(['--label=50% "of" $HOME'], user=user, token_file="/etc/camhub-pi/token", python="/usr/bin/python3")
        # The user need not exist here for the unit to be right.
        text = text.replace("User=pi", "User=root")
        file = tmp_path / "camhub-pi.service"
        file.write_text(text)
        assert [line for line in text.splitlines() if line.startswith("[")] == ["[Unit]", "[Service]", "[Install]"]
        # A machine without systemd cannot be asked more.
        if analyze := shutil.which("systemd-analyze"):
            done = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True, check=False)
            said = [line for line in (done.stdout + done.stderr).splitlines() if "camhub-pi" in line]
            assert (done.returncode, said) == (0, [])

    def test_user_is_systemds_own_unless_named_or_at_home(self) -> None:
        assert options(unit([], python="/opt/camhub-pi/bin/python"))["DynamicUser"] == ["yes"]
        for found in (
            options(unit([], user="pi", python="/usr/bin/python3")),
            options(unit([], python="/home/pi/.local/bin/python")),
        ):
            assert found["User"] == ["pi"]
            assert found["ProtectHome"] == ["read-only"]
            assert "DynamicUser" not in found

    def test_low_port_needs_one_capability(self) -> None:
        assert options(unit([], port=80))["AmbientCapabilities"] == ["CAP_NET_BIND_SERVICE"]
        assert options(unit([], port=8000))["CapabilityBoundingSet"] == [""]

    def test_token_is_handed_over_and_never_written(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["service", "--token-file", "/etc/camhub-pi/token"]) == 0
        found = options(capsys.readouterr().out)
        assert found["LoadCredential"] == ["camhub-pi-token:/etc/camhub-pi/token"]
        assert found["ExecStart"][0].endswith("serve --token-file %d/camhub-pi-token")
        assert main(["service", "--token", "secret-secret"]) == 2
        said = capsys.readouterr()
        assert "--token-file" in said.err
        assert "secret-secret" not in said.out + said.err

    def test_store_has_a_unit_of_its_own(self, capsys: pytest.CaptureFixture[str]) -> None:
        tokens = ["--token-file", "/etc/camhub-pi/token", "--source-token-file", "/etc/camhub-pi/other"]
        assert main(["store", "service", *tokens, "--keep-days", "30", "--no-announce"]) == 0
        said = capsys.readouterr().out
        assert said.startswith("# Save as /etc/systemd/system/camhub-pi-store.service")
        found = options(said)
        (command,) = found["ExecStart"]
        assert command.endswith(
            "-m camhub_pi store --keep-days=30 --no-announce --videos %S/camhub-pi --token-file %d/camhub-pi-token"
            " --source-token-file %d/camhub-pi-source-token"
        )
        assert found["StateDirectory"] == ["camhub-pi"]
        assert found["DynamicUser"] == ["yes"]
        assert found["PrivateDevices"] == ["yes"]
        assert "SupplementaryGroups" not in found
        assert len(found["LoadCredential"]) == 2

    def test_folder_at_home_is_written_as_its_owner(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["store", "service", "--videos", "/home/pi/Videos", "--no-token"]) == 0
        found = options(capsys.readouterr().out)
        assert found["User"] == ["pi"]
        assert found["ReadWritePaths"] == ["/home/pi/Videos"]
        assert found["ProtectHome"] == ["read-only"]
        assert "--no-token" in found["ExecStart"][0]
        for wrong in (
            ["--videos", "/mnt/stick"],
            ["--videos", "Videos"],
            ["--token", "secret-secret"],
            ["--token-file", "relative"],
        ):
            assert main(["store", "service", "--host", "127.0.0.1", *wrong]) == 2
            said = capsys.readouterr()
            assert said.out == ""
            assert "secret-secret" not in said.err

    @pytest.mark.parametrize("videos", [None, "/tmp"])
    def test_systemd_finds_nothing_wrong_with_the_store(self, tmp_path: Path, videos: str | None) -> None:
        tokens = {"--token-file": "/etc/camhub-pi/token"}
        text = store_unit([], videos=videos, port=3002, user="root", tokens=tokens, python="/usr/bin/python3")
        file = tmp_path / "camhub-pi-store.service"
        file.write_text(text)
        if analyze := shutil.which("systemd-analyze"):
            done = subprocess.run([analyze, "verify", "--man=no", file], capture_output=True, text=True, check=False)
            said = [line for line in (done.stdout + done.stderr).splitlines() if "camhub-pi" in line]
            assert (done.returncode, said) == (0, [])

    @pytest.mark.parametrize("wrong", [["--user", "pi\nExecStart=x"], ["--token-file", "relative"]])
    def test_what_would_break_the_unit_is_refused(self, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["service", *wrong]) == 2
        assert capsys.readouterr().out == ""

    def test_words_are_quoted_as_systemd_reads_them(self) -> None:
        assert quoted("/usr/bin/python3") == "/usr/bin/python3"
        assert quoted('a "b" \\ 5% $x\n') == '"a \\"b\\" \\\\ 5%% $$x\\n"'


class TestOptions:
    def test_every_one_reaches_the_settings(self, tmp_path: Path) -> None:
        token = tmp_path / "token"
        token.write_text("from-a-file\n")
        line = (
            "serve --host ::1 --port 9000 --backend v4l2 --device /dev/video2 --size 320x240 --fps 5 --quality 50"
            f" --rotate 270 --label Door --max-clients 3 --disk-path /tmp --token-file {token}"
        )
        assert settings_of(parser().parse_args(line.split())) == Settings(
            host="::1",
            port=9000,
            backend="v4l2",
            device="/dev/video2",
            width=320,
            height=240,
            fps=5,
            quality=50,
            rotate=270,
            label="Door",
            max_clients=3,
            disk_path="/tmp",
            token="from-a-file",
        )

    def test_defaults_are_those_of_the_settings(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CAMHUB_PI_TOKEN", raising=False)
        assert settings_of(parser().parse_args([])) == Settings()

    @pytest.mark.parametrize(
        "wrong",
        ["--size 640", "--size 641x480", "--fps 0", "--fps many", "--quality 100", "--port 70000", "--rotate 45"],
    )
    def test_nonsense_is_refused(self, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit):
            parser().parse_args(wrong.split())
        assert wrong.split(maxsplit=1)[0] in capsys.readouterr().err


class TestReadToken:
    def test_order(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("CAMHUB_PI_TOKEN", raising=False)
        assert read_token(None, None) is None
        monkeypatch.setenv("CAMHUB_PI_TOKEN", " environment ")
        assert read_token(None, None) == "environment"
        file = tmp_path / "token"
        file.write_text("file\n")
        assert read_token(None, str(file)) == "file"
        assert read_token("option", str(file)) == "option"

    def test_announced_but_missing_is_never_taken_for_none(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        empty, binary = tmp_path / "empty", tmp_path / "binary"
        empty.write_text("\n")
        binary.write_bytes(b"\xff\xfe\x00")
        for file in (empty, binary, tmp_path / "missing"):
            with pytest.raises(TokenMissing):
                read_token(None, str(file))
        with pytest.raises(TokenMissing):
            read_token("", None)
        monkeypatch.setenv("CAMHUB_PI_TOKEN", "")
        assert main(["serve", "--port", "0"]) == 2
        assert "CAMHUB_PI_TOKEN is empty" in capsys.readouterr().err


class TestCommands:
    def test_check_prints_and_judges(self, capsys: pytest.CaptureFixture[str]) -> None:
        line = ["check", "--host", "127.0.0.1", "--port", "0"]
        assert main([*line, "--backend", "pattern"]) == 0
        assert "All is well." in capsys.readouterr().out
        assert main([*line, "--backend", "v4l2", "--device", "/dev/no-such-camera"]) == 1
        assert "[FAIL] USB camera" in capsys.readouterr().out

    def test_taken_port_is_said(self, capsys: pytest.CaptureFixture[str]) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            port = other.getsockname()[1]
            assert main(["serve", "--backend", "pattern", "--host", "127.0.0.1", "--port", str(port)]) == 1
        assert f"cannot serve on 127.0.0.1:{port}" in capsys.readouterr().err

    def test_serve_ends_well(self, monkeypatch: pytest.MonkeyPatch) -> None:
        served: list[Settings] = []

        async def remember(settings: Settings) -> None:
            served.append(settings)

        monkeypatch.setattr(cli, "serve", remember)
        assert main(["--backend", "pattern", "--verbose"]) == 0
        assert served[0].backend == "pattern"

    @pytest.mark.parametrize(
        ("settings", "warned"),
        [
            (Settings(host="127.0.0.1", port=0, backend="pattern"), ""),
            (Settings(port=0, announce=False, backend="pattern"), "No token"),
            (Settings(port=0, announce=False, backend="pattern", token="short"), "token is short"),
            (Settings(port=0, announce=False, backend="pattern", token="long-enough-to-be-one"), ""),
        ],
    )
    async def test_serves_until_asked_to_end(
        self,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        settings: Settings,
        warned: str,
    ) -> None:
        caplog.set_level("INFO", "camhub_pi")
        started = CameraServer.start

        async def start(server: CameraServer) -> int:
            port = await started(server)
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
            return port

        monkeypatch.setattr(CameraServer, "start", start)
        await serve(settings)
        assert "Serving http://" in caplog.text
        warnings = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
        assert [warned in warning for warning in warnings] == ([True] if warned else [])

    @pytest.mark.parametrize(("token", "warned"), [(None, False), ("short", True), ("long-enough-to-be-one", False)])
    async def test_store_serves_until_asked_to_end(
        self,
        tmp_path: Path,
        caplog: pytest.LogCaptureFixture,
        monkeypatch: pytest.MonkeyPatch,
        token: str | None,
        warned: bool,
    ) -> None:
        caplog.set_level("INFO", "camhub_pi")
        told: list[tuple[str, int]] = []

        @asynccontextmanager
        async def announced(role: str, host: str, port: int, *, token: bool) -> AsyncIterator[None]:
            told.append((role, token))
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
            yield

        monkeypatch.setattr(store_cli, "announced", announced)
        await store_cli.serve(StoreSettings(videos=tmp_path, port=0, token=token))
        assert told == [("store", token is not None)]
        assert f"Keeping recordings in {tmp_path}" in caplog.text
        assert ("token is short" in caplog.text) == warned

    async def test_camera_is_announced(self, monkeypatch: pytest.MonkeyPatch) -> None:
        told: list[str] = []

        @asynccontextmanager
        async def announced(role: str, host: str, port: int, *, token: bool) -> AsyncIterator[None]:
            told.append(role)
            asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)
            yield

        monkeypatch.setattr(cli, "announced", announced)
        await serve(Settings(port=0, backend="pattern"))
        assert told == ["camera"]

    def test_module_runs(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "argv", ["camhub-pi", "--service"])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("camhub_pi", run_name="__main__")
        assert ended.value.code == 0
        assert "ExecStart=" in capsys.readouterr().out

    def test_whole_program_serves_and_stops(self) -> None:
        command = [sys.executable, "-m", "camhub_pi", "serve", "--backend", "pattern", "--host", "127.0.0.1"]
        with subprocess.Popen([*command, "--port", "0"], cwd=PI, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            found = re.search(r"http://127\.0\.0\.1:(\d+)/", process.stderr.readline())
            assert found is not None
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", int(found[1]))) as connection:
                    connection.request("GET", "/health")
                    # It may not have drawn its first picture yet.
                    assert json.load(connection.getresponse())["status"] in {"starting", "ok"}
            finally:
                process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0
