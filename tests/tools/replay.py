"""Does what a Dockerfile says without a container engine: debootstrap, chroot and namespaces.

The rule: the steps come from the Dockerfile and nothing is added to what they leave behind. How
this machine reaches its package registries is lent to each step and taken away again.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.tools.dockerfile import Instruction, Stage, assignments, context

TOOLS = ("debootstrap", "chroot", "unshare", "nsenter", "setpriv", "mount")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_LENT = "/run/lent"
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PIP = ("index-url", "extra-index-url", "trusted-host", "proxy", "cert", "timeout")
_DEVICES = ("null", "zero", "full", "random", "urandom")


def missing() -> str:
    """Why this cannot be done here; empty if it can."""
    if os.geteuid() != 0:
        return "needs root (chroot and namespaces)"
    absent = [tool for tool in TOOLS if not shutil.which(tool)]
    if absent:
        return f"needs {', '.join(absent)} (Debian: apt-get install debootstrap)"
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        return "may make no mount namespace here"
    return ""


@dataclass(slots=True)
class Image:
    """A root file system and what the instructions say of how to run it."""

    root: Path
    environ: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    user: str = "0:0"
    folder: str = "/"
    volumes: list[str] = field(default_factory=list)

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")


def build(stages: Sequence[Stage], project: Path, work: Path) -> Image:
    """Replay all stages below `work`; the image of the last one."""
    bases = {stage.base for stage in stages}
    for base in bases:
        _bootstrap(base, work / base.replace(":", "-"))
    images: dict[str, Image] = {}
    for number, stage in enumerate(stages):
        root = work / f"stage-{number}"
        _run(["cp", "-a", "--reflink=auto", work / stage.base.replace(":", "-"), root])
        image = Image(root)
        for one in stage.instructions:
            _STEPS[one.name](image, one, images, project)
        images[stage.name or str(number)] = image
    return image


class Container:
    """The image's command in namespaces of its own, as its user, on a read-only root."""

    def __init__(
        self, image: Image, stage: Stage, sessions: Path, state: Path, environ: Mapping[str, str]
    ) -> None:
        self._image = image
        self._stage = stage
        self._environ = {**image.environ, **environ}
        self.log = state.with_suffix(".log")
        (volume,) = image.volumes
        _run(["cp", "-a", image.inside(volume), state])
        mounts = f"""
            set -e
            cd {image.root}
            mount --bind . . && cd {image.root}
            mount -t proc proc proc
            mount -t tmpfs -o mode=755 none dev
            for name in {" ".join(_DEVICES)}; do
                touch dev/$name
                mount --bind /dev/$name dev/$name
            done
            mkdir -m 1777 dev/shm
            mount -t tmpfs -o mode=1777 none tmp
            mount --bind {sessions} sessions
            mount -o remount,bind,ro sessions
            mount --bind {state} .{volume}
            mount -o remount,bind,ro .
            exec "$@"
        """
        command = [*_words(stage, "ENTRYPOINT"), *_words(stage, "CMD")]
        enter = [
            "setpriv", "--no-new-privs", "chroot", f"--userspec={_ids(image)}", str(image.root),
        ]  # fmt: skip
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts, "sh",
                 *enter, *self._within(command)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The service as this machine sees it; in its own namespace it is number 1."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return int(children.split()[0])

    def run(self, command: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        """Another command in the same namespaces as the same user (`docker exec`)."""
        uid, gid = _ids(self._image).split(":")
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--root"]
        enter += [f"--setuid={uid}", f"--setgid={gid}", "--"]
        return subprocess.run(
            [*enter, *self._within(command)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def health(self) -> int:
        """The exit code of the image's health check."""
        return self.run(_words(self._stage, "HEALTHCHECK")).returncode

    def stop(self, timeout_s: float) -> int:
        """The image's stop signal, and the exit code."""
        number = signal.Signals[(self._stage.last("STOPSIGNAL") or _TERM).text]
        os.kill(self.pid, number)
        return self.process.wait(timeout_s)

    def close(self) -> None:
        """End whatever is left of it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def _within(self, command: Sequence[str]) -> list[str]:
        values = [f"{name}={value}" for name, value in self._environ.items()]
        return ["env", "-i", f"--chdir={self._image.folder}", *values, *command]


_TERM = Instruction("STOPSIGNAL", {}, "SIGTERM")


def _bootstrap(base: str, root: Path) -> None:
    name, _, tag = base.partition(":")
    suite = tag.removesuffix("-slim")
    if name != "debian" or not suite:
        raise ValueError(f"only Debian's images can be made here, not {base}")
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    mirrors = [line.split()[1] for line in listed.splitlines() if line.split()[0] == suite]
    _run(["debootstrap", "--variant=minbase", suite, root, *mirrors[:1]])


def _step_run(image: Image, one: Instruction, images: Mapping[str, Image], project: Path) -> None:
    with _lent_network() as (folder, environ):
        values = [f"{name}={value}" for name, value in {**environ, **image.environ}.items()]
        mounts = f"""
            set -e
            cd {image.root}
            mount -t proc proc proc
            mount -t tmpfs none run
            mkdir run/lent && mount --bind {folder} .{_LENT}
            touch etc/resolv.conf && mount --bind /etc/resolv.conf etc/resolv.conf
            exec "$@"
        """
        _run(
            ["unshare", "--mount", "sh", "-c", mounts, "sh",
             "chroot", f"--userspec={_ids(image)}", image.root,
             "env", "-i", f"--chdir={image.folder}", *values, "/bin/sh", "-c", one.text],
        )  # fmt: skip


def _step_copy(image: Image, one: Instruction, images: Mapping[str, Image], project: Path) -> None:
    *sources, target = one.words
    into = image.inside(os.path.join(image.folder, target))
    into.mkdir(parents=True, exist_ok=True)
    if "from" in one.flags:
        for source in sources:
            _run(["cp", "-a", f"{images[one.flags['from']].inside(source)}/.", into])
        return
    for name in context(project):
        if sources == ["."] or name.as_posix() in sources:
            (into / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, into / name)


def _step_env(image: Image, one: Instruction, *_: object) -> None:
    image.environ |= assignments(one.text, image.environ)


def _step_user(image: Image, one: Instruction, *_: object) -> None:
    image.user = one.text


def _step_workdir(image: Image, one: Instruction, *_: object) -> None:
    image.folder = os.path.join(image.folder, one.text)
    image.inside(image.folder).mkdir(parents=True, exist_ok=True)


def _step_volume(image: Image, one: Instruction, *_: object) -> None:
    image.volumes += one.words


def _step_none(*_: object) -> None:
    """Says how to run the image, and changes nothing in it."""


_STEPS: Mapping[str, Callable[..., None]] = {
    "RUN": _step_run,
    "COPY": _step_copy,
    "ENV": _step_env,
    "USER": _step_user,
    "WORKDIR": _step_workdir,
    "VOLUME": _step_volume,
    **dict.fromkeys(("EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"), _step_none),
}


@contextmanager
def _lent_network() -> Iterator[tuple[Path, dict[str, str]]]:
    """How this machine reaches apt's and pip's registries, as a folder and as variables."""
    folder = Path(subprocess.run(["mktemp", "-d"], capture_output=True, text=True, check=True)
                  .stdout.strip())  # fmt: skip
    try:
        folder.chmod(0o755)
        dumped = subprocess.run(
            ["apt-config", "dump", "Acquire"], capture_output=True, text=True, check=False
        )
        (folder / "apt.conf").write_text(dumped.stdout)
        environ = {name: os.environ[name] for name in _PROXIES if name in os.environ}
        environ["APT_CONFIG"] = f"{_LENT}/apt.conf"
        for name in _PIP:
            value = _pip_value(name)
            if value and not value.startswith("file:"):
                environ[f"PIP_{name.replace('-', '_').upper()}"] = value
        if certificates := environ.get("PIP_CERT"):
            shutil.copy(certificates, folder / "certificates.pem")
            environ["PIP_CERT"] = f"{_LENT}/certificates.pem"
        yield folder, environ
    finally:
        shutil.rmtree(folder)


def _pip_value(name: str) -> str:
    variable = f"PIP_{name.replace('-', '_').upper()}"
    if variable in os.environ:
        return os.environ[variable]
    asked = ["python3", "-m", "pip", "config", "get", f"global.{name}"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _ids(image: Image) -> str:
    """`uid:gid`; a name is looked up in the image, not on this machine."""
    if image.user.replace(":", "").isdigit():
        return image.user if ":" in image.user else f"{image.user}:{image.user}"
    for line in image.inside("etc/passwd").read_text().splitlines():
        name, _, uid, gid, *_ = line.split(":")
        if name == image.user:
            return f"{uid}:{gid}"
    raise ValueError(f"no user {image.user} in the image")


def _words(stage: Stage, name: str) -> list[str]:
    found = stage.last(name)
    return found.words if found else []


def _run(command: Sequence[str | Path]) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"{command[-1]}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
