"""An image without a registry: Debian's static busybox with its applets, imported into an engine."""

import io
import subprocess
import tarfile
from pathlib import Path

import docker
from docker.errors import DockerException
from docker.utils import parse_repository_tag

from jeroboam.backends.errors import Permanent, Temporary

BUSYBOX = Path("/bin/busybox")
_FOLDERS = {"dev": 0o755, "etc": 0o755, "proc": 0o755, "root": 0o700, "sys": 0o755, "tmp": 0o1777, "var": 0o755}
_ACCOUNTS = {"etc/passwd": b"root:x:0:0:root:/root:/bin/sh\n", "etc/group": b"root:x:0:\n"}


def import_busybox(backend_url: str, tag: str, binary: Path = BUSYBOX) -> str:
    """Makes the image `tag` (a version of latest if it names none) on the engine if it is not there; returns its id.

    Raises Permanent where Debian's busybox-static is not installed, Temporary where the engine does not answer.
    """
    try:
        client = docker.APIClient(base_url=backend_url, version="auto", timeout=60)
        try:
            name, version = parse_repository_tag(tag)
            wanted = f"{name}:{version or 'latest'}"
            if not client.images(name=wanted, quiet=True):
                data = _root_tar(binary)
                client.import_image_from_data(data, repository=name, tag=version or "latest", changes=["CMD sh"])
            return str(client.images(name=wanted)[0]["Id"])
        finally:
            client.close()
    except (DockerException, OSError) as error:
        raise Temporary(f"cannot import {tag} into the engine at {backend_url}: {error}") from None


def _root_tar(binary: Path) -> bytes:
    applets = _applets(binary)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, mode in {"bin": 0o755, **_FOLDERS}.items():
            folder = tarfile.TarInfo(name)
            folder.type, folder.mode = tarfile.DIRTYPE, mode
            tar.addfile(folder)
        _add(tar, "bin/busybox", binary.read_bytes(), 0o755)
        for name, content in _ACCOUNTS.items():
            _add(tar, name, content, 0o644)
        for applet in applets:
            link = tarfile.TarInfo(f"bin/{applet}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(link)
    return buffer.getvalue()


def _applets(binary: Path) -> list[str]:
    """Raises Permanent where the binary is missing, or is not the static one: it would find no library in there."""
    try:
        listed = subprocess.run([binary, "--list"], capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError) as error:
        raise Permanent(f"cannot make an image from {binary}: {error}; apt-get install busybox-static") from None
    if b"/ld-linux" in binary.read_bytes():
        raise Permanent(f"cannot make an image from {binary}: it is not static; apt-get install busybox-static")
    return [applet for applet in listed.stdout.split() if applet != "busybox"]


def _add(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(content), mode
    tar.addfile(entry, io.BytesIO(content))
