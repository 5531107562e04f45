"""Where footage and features lie: on this machine, or on any file system that pyarrow knows.

A place on this machine is a plain ``pathlib.Path``; ``s3://bucket/folder`` and its like are a
:class:`RemotePath`. pyarrow is imported only when one of those is opened.
"""

from __future__ import annotations

import errno
import functools
import posixpath
import re
import shutil
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import parse_qsl, quote, unquote, urlencode

from aqa.errors import AqaError

_URI = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://([^/?]*)([^?]*)(?:\?(.*))?", re.DOTALL)
# Options of a pyarrow URI that say where something is; any other may be a secret.
_OPEN_OPTIONS = frozenset(
    [
        "region",
        "scheme",
        "endpoint_override",
        "allow_bucket_creation",
        "allow_bucket_deletion",
        "force_virtual_addressing",
        "tls_ca_file_path",
        "retry_limit_seconds",
        "project_id",
    ]
)
# There an object appears whole, when its stream is closed; elsewhere a name appears at once.
_OBJECT_STORES = frozenset({"s3", "gcs", "abfs"})
_REASON_CHARACTERS = 300
_REQUEST_ID = re.compile(r" \(Request ID: \w+\)")
_CHUNK_BYTES = 8 * 2**20


@dataclass(frozen=True)
class Info:
    """What stands at a place: ``file`` or ``folder``, its bytes and its latest change."""

    path: RemotePath
    kind: str
    size: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True)
class RemotePath:
    """A file or folder on another file system, with those methods of Path that are needed here.

    ``str()`` shows neither credentials nor options, ``address`` has all that opens it again, on
    another machine too. Whatever cannot be done is an AqaError of one line that names the place; a
    file that is missing is a FileNotFoundError, as with Path.
    """

    scheme: str
    login: str = field(repr=False)  # as in the URI, percent-encoded; may be empty
    host: str
    key: str  # decoded, without a slash at either end
    options: str = field(repr=False, default="")

    @classmethod
    def parse(cls, uri: str) -> RemotePath:
        """Of ``scheme://[login@]host/key[?options]``; the key may hold blanks and any letter."""
        match = _URI.fullmatch(uri)
        if match is None:
            raise AqaError(f"{uri.partition('://')[0]}://...: this is no URI")
        scheme, authority, key, options = match.groups(default="")
        login, _, host = authority.rpartition("@")
        _, colon, port = host.partition(":")
        if colon and (scheme == "s3" or not port.isdecimal()):
            raise AqaError(
                f"{scheme}://...: a login inside a URI must be percent-encoded (/ is %2F); or set "
                "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead"
            )
        if scheme == "s3" and not host:
            raise AqaError(f"{scheme}://{key}: names no bucket, expected s3://BUCKET/FOLDER")
        return cls(scheme.lower(), login, host, unquote(key).strip("/"), options)

    def __str__(self) -> str:
        user = "" if self.scheme == "s3" else self.login.partition(":")[0]
        return f"{self.scheme}://{user}{'@' if user else ''}{self.host}/{self.key}"

    @property
    def address(self) -> str:
        """The whole URI, credentials included: for workers, never to be shown or stored."""
        return self._uri(self.login, quote(self.key), self.options)

    @property
    def address_to_keep(self) -> str:
        """The URI without credentials, which are then to be found in the environment."""
        login = "" if self.scheme == "s3" else self.login.partition(":")[0]
        options = [pair for pair in parse_qsl(self.options) if pair[0] in _OPEN_OPTIONS]
        return self._uri(login, quote(self.key), urlencode(options))

    @property
    def name(self) -> str:
        return posixpath.basename(self.key) or self.host

    @property
    def stem(self) -> str:
        return Path(self.name).stem

    @property
    def suffix(self) -> str:
        return Path(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        return self.at(posixpath.dirname(self.key))

    def __truediv__(self, relative: str) -> RemotePath:
        key = posixpath.normpath(posixpath.join("/", self.key, relative))
        return self.at(key.strip("/"))

    def absolute(self) -> RemotePath:
        return self

    def at(self, key: str) -> RemotePath:
        """Another place on the same file system."""
        return replace(self, key=key)

    def info(self) -> Info | None:
        """What is there; None if nothing is."""
        return states([self])[0]

    def exists(self) -> bool:
        return self.info() is not None

    def is_file(self) -> bool:
        info = self.info()
        return info is not None and info.kind == "file"

    def is_dir(self) -> bool:
        info = self.info()
        return info is not None and info.kind == "folder"

    def files(self, recursive: bool = True) -> list[Info]:
        """The files in this folder and, if ``recursive``, below it; none if it is not there."""
        from pyarrow.fs import FileSelector

        with self._named("cannot be listed"):
            selector = FileSelector(self._path, allow_not_found=True, recursive=recursive)
            found = self._system.get_file_info(selector)
        start = len(self._path) - len(self.key)
        infos = (_info(self.at(entry.path[start:].strip("/")), entry) for entry in found)
        return [info for info in infos if info is not None and info.kind == "file"]

    def open(self, mode: str = "rb") -> BinaryIO:
        """For reading bytes, at any position."""
        if mode != "rb":
            raise ValueError(f"mode {mode!r}: only rb")
        with self._named("cannot be read"):
            return self._system.open_input_file(self._path)

    def read_bytes(self) -> bytes:
        with self._named("cannot be read"), self._system.open_input_stream(self._path) as stream:
            return stream.read()

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.read_bytes().decode(encoding)

    def copy_to(self, target: Path) -> None:
        """Its bytes as the new file ``target`` of this machine."""
        with self._named(f"cannot be copied to {target}"):
            size = self._system.get_file_info(self._path).size
            with self._system.open_input_file(self._path) as source, open(target, "xb") as file:
                shutil.copyfileobj(source, file, _CHUNK_BYTES)
                if file.tell() != size:
                    raise OSError(f"{file.tell()} bytes arrived, expected {size}")

    def write_whole(self, write: Callable[[BinaryIO], object]) -> None:
        """Calls ``write`` on a buffer; its content then appears here as a whole, or not at all."""
        buffer = BytesIO()
        write(buffer)
        with self._named("cannot be written"):
            if self._system.type_name in _OBJECT_STORES:
                self._put(self._path, buffer)
                return
            folder, name = posixpath.split(self._path)
            temporary = f"{folder}/.{name}.{uuid.uuid4().hex}.tmp"
            self._system.create_dir(folder, recursive=True)
            try:
                self._put(temporary, buffer)
                with suppress(FileNotFoundError):  # not all of them move onto a file that is there
                    self._system.delete_file(self._path)
                self._system.move(temporary, self._path)
            except BaseException:
                with suppress(OSError):
                    self._system.delete_file(temporary)
                raise

    def unlink(self, missing_ok: bool = False) -> None:
        try:
            with self._named("cannot be removed"):
                self._system.delete_file(self._path)
        except FileNotFoundError:
            if not missing_ok:
                raise

    def _put(self, path: str, buffer: BytesIO) -> None:
        with self._system.open_output_stream(path) as stream:
            stream.write(buffer.getbuffer())

    def _uri(self, login: str, key: str, options: str) -> str:
        at, question = "@" if login else "", "?" if options else ""
        return f"{self.scheme}://{login}{at}{self.host}/{key}{question}{options}"

    @property
    def _system(self) -> Any:
        return _connect(self._server)[0]

    @property
    def _path(self) -> str:
        """As the file system of pyarrow calls it."""
        root = _connect(self._server)[1]
        return f"{root.rstrip('/')}/{self.key}".rstrip("/") if root else self.key

    @property
    def _server(self) -> str:
        options = self.options
        if self.scheme == "s3" and "allow_delayed_open" not in options:
            # A small object is then one request, of which a killed writer leaves no part.
            options += ("&" if options else "") + "allow_delayed_open=true"
        return self._uri(self.login, "", options)

    @contextmanager
    def _named(self, what: str) -> Iterator[None]:
        """Errors of pyarrow, which may quote the whole URI, as one line without its secrets."""
        try:
            yield
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, "no such file or folder", str(self)) from None
        except ImportError as error:
            raise AqaError(f"{self} {what}: pyarrow is missing ({error})") from None
        except (OSError, ValueError, NotImplementedError) as error:
            raise AqaError(f"{self} {what}: {self._without_secrets(str(error))}") from None

    def _without_secrets(self, text: str) -> str:
        values = [value for name, value in parse_qsl(self.options) if name not in _OPEN_OPTIONS]
        for secret in (self.login, *self.login.split(":"), *values):
            for form in {secret, quote(secret, safe=""), unquote(secret)}:
                text = text.replace(form, "***") if len(form) > 3 else text
        return " ".join(_REQUEST_ID.sub("", text).split())[:_REASON_CHARACTERS]


Place = Path | RemotePath


def as_place(text: str | Path | RemotePath) -> Place:
    """A path of this machine (``file://`` too); with any other scheme a RemotePath."""
    if not isinstance(text, str):
        return text
    if text.startswith("file://"):
        return Path(unquote(text.removeprefix("file://").removeprefix("localhost")))
    return RemotePath.parse(text) if _URI.match(text) else Path(text)


def states(paths: Sequence[RemotePath]) -> list[Info | None]:
    """What stands at each of them (None: nothing), asked for many at once."""
    found: dict[RemotePath, Info | None] = {}
    for server in dict.fromkeys(path._server for path in paths):
        here = [path for path in paths if path._server == server]
        with here[0]._named("cannot be looked at"):
            infos = here[0]._system.get_file_info([path._path for path in here])
        found |= {path: _info(path, info) for path, info in zip(here, infos, strict=True)}
    return [found[path] for path in paths]


def _info(path: RemotePath, entry: Any) -> Info | None:
    from pyarrow.fs import FileType

    if entry.type == FileType.NotFound:
        return None
    if entry.type == FileType.Directory:
        return Info(path, "folder")
    return Info(path, "file", entry.size or 0, entry.mtime_ns or 0)


@functools.lru_cache(maxsize=64)
def _connect(server: str) -> tuple[Any, str]:
    """The file system, and what it calls its own root (a bucket)."""
    from pyarrow.fs import FileSystem

    return FileSystem.from_uri(server)
