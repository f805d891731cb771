"""Nothing leaves the device: the whole demo runs where no socket can be opened.

The native programs that it starts are held to it too (guards/no_network.py).
"""

import subprocess
import sys
from xml.etree import ElementTree

import pytest
from guarded import NO_NETWORK, GuardedRun, forbids_network
from helpers import ROOT

MANIFEST = ROOT / "android_demo" / "app" / "src" / "main" / "AndroidManifest.xml"
NATIVE = "exec 3<>/dev/tcp/127.0.0.1/9"  # bash, no Python: its own socket


@pytest.fixture
def _forbidding() -> None:
    if not forbids_network():
        pytest.skip("this kernel or machine has no seccomp filters: sockets cannot be forbidden")


@pytest.mark.usefixtures("_forbidding")
def test_the_whole_demo_opens_no_socket(guarded_run: GuardedRun) -> None:
    """An attempt would have ended the process that made it (SIGSYS)."""
    assert guarded_run.network
    assert guarded_run.exit_code == 0, guarded_run.errors
    assert "suggestions of the demo's model" in guarded_run.output
    assert "kenlm-3" in guarded_run.output


@pytest.mark.usefixtures("_forbidding")
@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_PACKET", "AF_NETLINK", "AF_VSOCK"])
def test_a_socket_ends_the_process(family: str) -> None:
    assert _run(sys.executable, "-c", f"import socket; socket.socket(socket.{family})") == -31


@pytest.mark.usefixtures("_forbidding")
def test_a_native_child_is_held_to_it_too() -> None:
    child = f"import subprocess; exit(subprocess.run(['bash', '-c', '{NATIVE}']).returncode != -31)"
    assert _run(sys.executable, "-c", child) == 0


@pytest.mark.usefixtures("_forbidding")
def test_local_sockets_and_pipes_still_work() -> None:
    assert _run(sys.executable, "-c", "import socket; socket.socketpair()") == 0


def _run(*program: str) -> int:
    command = [sys.executable, str(NO_NETWORK), *program]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_the_keyboard_asks_for_no_permission() -> None:
    """Without INTERNET Android gives an app no socket; scripts/check-apk holds the APK to it."""
    manifest = ElementTree.parse(MANIFEST).getroot()
    assert not [tag for tag in manifest.iter() if "permission" in tag.tag]
