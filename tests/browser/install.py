"""Finds a Chromium and an nginx for the browser tests, or brings them: `python -m tests.browser.install`."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
NGINX = Path(sys.prefix) / "nginx" / "usr" / "sbin" / "nginx"
"""Debian's nginx, unpacked beside the environment's Python: installed, the package would start a service."""


def chromium() -> str | None:
    """The path of the system's Chromium, or None where Playwright's own is to be used."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def nginx() -> str | None:
    """The path of the system's nginx, else of the one that `install` unpacked, else None."""
    system = shutil.which("nginx", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin")
    return system or (str(NGINX) if NGINX.exists() else None)


def install() -> None:
    """System Chromium if there is one, Debian's package for root on Debian, else Playwright's; then nginx."""
    if not chromium():
        if _root_on_debian():
            _apt("update")
            _apt("install", "-y", "chromium")
        else:
            subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], check=True)
    if reason := install_nginx():
        print(f"no nginx, so its tests will be skipped: {reason}", file=sys.stderr)


def install_nginx() -> str:
    """Unpack Debian's nginx where there is none; the reason if that cannot be done, else nothing."""
    if nginx():
        return ""
    if not shutil.which("apt-get"):
        return "it is not installed, and this is no Debian"
    with tempfile.TemporaryDirectory() as folder:
        try:
            if _root_on_debian():
                _apt("update")
            _apt("download", "nginx", folder=folder)
            package = next(Path(folder).glob("nginx_*.deb"))
            subprocess.run(["dpkg-deb", "-x", package, NGINX.parents[2]], check=True)
            subprocess.run([NGINX, "-v"], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError, StopIteration) as error:
            shutil.rmtree(NGINX.parents[2], ignore_errors=True)
            return f"Debian's package cannot be fetched or does not run ({error})"
    return ""


def _root_on_debian() -> bool:
    return Path("/etc/debian_version").exists() and hasattr(os, "geteuid") and os.geteuid() == 0


def _apt(*words: str, folder: str | None = None) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    command = ["apt-get", "-qq", *words]
    subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    install()
