"""Where the dynamic loader looks."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etpu_doctor.evidence.files import Files
from etpu_doctor.evidence.loader import CACHE, Loader, Place, cached_paths, configured_folders, default_folders
from tests.support.elf import files_below, ld_cache

SONAME = "libedgetpu.so.1"
OTHERS = ("libedgetpu.so.1.0", "libedgetpu.so")
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=12)


@pytest.mark.parametrize("big", [False, True])
@pytest.mark.parametrize("old", [b"", b"ld.so-1.7.0\0" + bytes(36)])
def test_the_cache_is_read(big: bool, old: bytes) -> None:
    """In either byte order, alone or behind a table of the old format, which older systems write too."""
    cache = ld_cache(("libc.so.6", "/lib/libc.so.6"), (SONAME, "/a/x"), (SONAME, "/b/y"), big=big, old=old)
    assert ["/a/x", "/b/y"] == cached_paths(cache, SONAME)


def test_a_cache_of_an_older_glibc() -> None:
    """Before 2.33 the byte that tells the order was zero."""
    assert ["/a/x"] == cached_paths(ld_cache((SONAME, "/a/x"), flag=0), SONAME)


def test_names_are_whole_names() -> None:
    """``libedgetpu.so.1.0`` is another name, and a path that holds the name is none."""
    cache = ld_cache(("libedgetpu.so.1.0", "/a"), ("xlibedgetpu.so.1", "/b"), ("other", f"/{SONAME}"))
    assert [] == cached_paths(cache, SONAME)


def test_a_relative_path_in_the_cache_is_left_out() -> None:
    """No loader follows one; whatever wrote it, it leads nowhere."""
    assert [] == cached_paths(ld_cache((SONAME, "lib/x")), SONAME)


@pytest.mark.parametrize("cache", [b"", b"ld.so-1.7.0\0", b"glibc-ld.so.cache1.2" + bytes(99), SONAME.encode() + b"\0"])
def test_a_cache_of_another_format(cache: bytes) -> None:
    """It gives nothing and is no fault."""
    assert [] == cached_paths(cache, SONAME)


@given(st.integers(0, 200))
def test_a_cache_cut_short(length: int) -> None:
    """Whatever is missing, what is given are paths of the whole one or their beginnings."""
    cache = ld_cache((SONAME, "/a/x"), ("other", "/o"), (SONAME, "/b/y"))[:length] + b"\0" + SONAME.encode() + b"\0"
    assert all(path.startswith("/") for path in cached_paths(cache, SONAME))


@given(st.lists(st.tuples(st.sampled_from([SONAME, "libc.so.6"]), NAMES.map(lambda name: f"/{name}"))))
def test_the_cache_comes_back(entries: list[tuple[str, str]]) -> None:
    """What was written for a name is read, in order."""
    assert [path for name, path in entries if name == SONAME] == cached_paths(ld_cache(*entries), SONAME)


@given(st.binary(max_size=400))
def test_any_cache(content: bytes) -> None:
    """No bytes behind the mark make it raise."""
    cached_paths(b"glibc-ld.so.cache1.1" + content + SONAME.encode() + b"\0", SONAME)


def test_as_ldconfig_prints_it(needs_program: Callable[..., str]) -> None:
    """The paths and their order are those that ``ldconfig -p`` prints for this system."""
    printed = subprocess.run(
        [needs_program("ldconfig", package="libc-bin"), "-p"], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    cache = Path(CACHE).read_bytes()
    for name in ("libc.so.6", "libm.so.6", "libz.so.1"):
        expected = re.findall(rf"^\t{re.escape(name)} \(.*\) => (.+)$", printed, re.MULTILINE)
        assert expected == cached_paths(cache, name)


def test_the_order_of_the_search(tmp_path: Path) -> None:
    """LD_LIBRARY_PATH comes before the cache, the cache before the default folders."""
    places = ("/opt/coral", "/opt/cached", "/usr/lib/x86_64-linux-gnu")
    contents: dict[str, bytes | str] = {f"{place}/{SONAME}": place for place in places}
    contents[CACHE] = ld_cache((SONAME, f"/opt/cached/{SONAME}"))
    found = Loader(files_below(tmp_path, contents), "/opt/coral/:").find(SONAME, *OTHERS)
    assert [Place(f"{place}/{SONAME}", loader_finds=True) for place in places] == found


def test_one_file_is_listed_once(tmp_path: Path) -> None:
    """``/lib`` leads to ``/usr/lib``, and the other names are links to the same file."""
    contents: dict[str, bytes | str] = {
        "/usr/lib/x86_64-linux-gnu/libedgetpu.so.1.0": "x",
        f"/usr/lib/x86_64-linux-gnu/{SONAME}": "->libedgetpu.so.1.0",
        "/lib": "->usr/lib",
        CACHE: ld_cache((SONAME, f"/lib/x86_64-linux-gnu/{SONAME}")),
    }
    found = Loader(files_below(tmp_path, contents)).find(SONAME, *OTHERS)
    assert [Place(f"/lib/x86_64-linux-gnu/{SONAME}", loader_finds=True)] == found


def test_a_stale_entry_of_the_cache(tmp_path: Path) -> None:
    """An entry that leads nowhere is no library."""
    assert [] == Loader(files_below(tmp_path, {CACHE: ld_cache((SONAME, "/gone/x"))})).find(SONAME)


@pytest.mark.parametrize("name", [SONAME, *OTHERS])
def test_a_file_that_is_not_in_the_cache(tmp_path: Path, name: str) -> None:
    """A folder of ld.so.conf is searched by ldconfig only: without it the loader does not find the file."""
    contents: dict[str, bytes | str] = {
        f"/usr/local/lib/{name}": "x",
        "/etc/ld.so.conf": "include /etc/ld.so.conf.d/*.conf\n",
        "/etc/ld.so.conf.d/libc.conf": "/usr/local/lib\n",
    }
    found = Loader(files_below(tmp_path, contents)).find(SONAME, *OTHERS)
    assert [Place(f"/usr/local/lib/{name}", loader_finds=False)] == found


def test_a_library_without_its_soname(tmp_path: Path) -> None:
    """In a default folder the loader asks for the SONAME alone."""
    found = Loader(files_below(tmp_path, {"/usr/lib/libedgetpu.so.1.0": "x"})).find(SONAME, *OTHERS)
    assert [Place("/usr/lib/libedgetpu.so.1.0", loader_finds=False)] == found


@pytest.mark.parametrize("path", [None, "", ":", "relative", "relative:./x"])
def test_a_library_path_without_absolute_folders(tmp_path: Path, path: str | None) -> None:
    """Folders that depend on where a program is started are not looked at."""
    assert [] == Loader(files_below(tmp_path, {f"relative/{SONAME}": "x"}), path).find(SONAME)


def test_musl_has_its_own_folders(tmp_path: Path) -> None:
    """Without a list of its own musl searches three folders."""
    files = files_below(tmp_path, {"/lib/ld-musl-x86_64.so.1": "x", f"/usr/local/lib/{SONAME}": "x"})
    assert ["/lib", "/usr/local/lib", "/usr/lib"] == default_folders(files)
    assert [Place(f"/usr/local/lib/{SONAME}", loader_finds=True)] == Loader(files).find(SONAME)


def test_musl_with_a_list(tmp_path: Path) -> None:
    """The list may separate by colons or line ends."""
    files = files_below(tmp_path, {"/lib/ld-musl-aarch64.so.1": "x", "/etc/ld-musl-aarch64.path": "/a:/b\n/c\n"})
    assert ["/a", "/b", "/c"] == default_folders(files)


def test_the_configuration(tmp_path: Path) -> None:
    """Comments, old-style endings and nested includes are understood; what includes itself ends."""
    contents: dict[str, bytes | str] = {
        "/etc/ld.so.conf": "# all\n/one/ # here\n/two=libc6\ninclude ld.so.conf.d/*.conf\nhwcap 0 nosegneg\n\n/\n",
        "/etc/ld.so.conf.d/a.conf": "/three\ninclude /etc/ld.so.conf\n",
        "/etc/ld.so.conf.d/b.txt": "/four\n",
    }
    assert ["/one", "/two", "/", "/three"] == configured_folders(files_below(tmp_path, contents))


def test_no_configuration(tmp_path: Path) -> None:
    """A system without one has none."""
    assert [] == configured_folders(Files(str(tmp_path)))


def test_this_system_has_a_c_library() -> None:
    """On the live system the loader's own library is found."""
    assert Loader(Files("/")).find("libc.so.6") or Loader(Files("/")).find("libc.musl-x86_64.so.1")
