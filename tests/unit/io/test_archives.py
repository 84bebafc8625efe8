import bz2
import gzip
import io
import itertools
import lzma
import os
import random
import tarfile
import time
import zlib

import pytest

from hint_toolkit.errors import InputError
from hint_toolkit.io.archives import BLOCK, Limits, is_tar, members

PACKERS = {"tar": bytes, "tar.gz": gzip.compress, "tar.bz2": bz2.compress, "tar.xz": lzma.compress}


def header(name=b"a.json", size=0, kind=b"0", magic=b"ustar\x0000", prefix=b"", size_field=None):
    """One header block, made from the format's own description (POSIX.1-1988 ustar)."""
    field = b"%011o\0" % size if size_field is None else size_field
    block = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + field + b"00000000000\0" + b" " * 8 + kind
    block += b"\0" * 100 + magic + b"\0" * 80 + prefix.ljust(155, b"\0")
    block = block.ljust(BLOCK, b"\0")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def file(name=b"a.json", data=b"{}", **more):
    return header(name, len(data), **more) + data + b"\0" * (-len(data) % BLOCK)


def extended(kind, data):
    return file(b"x", data, kind=kind)


def record(key, value):
    body = b" " + key + b"=" + value + b"\n"
    size = len(body) + len(str(len(body)))
    size += len(str(size)) > len(str(len(body)))
    return b"%d" % size + body


END = b"\0" * 2 * BLOCK


@pytest.fixture
def put(tmp_path):
    def put(data, name="a.tar"):
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return put


def by_tarfile(fill, form=tarfile.PAX_FORMAT):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        fill(archive)
    return out.getvalue()


def of(name, data=b"x", **more):
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, io.BytesIO(data)


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("suffix", PACKERS)
def test_what_tarfile_writes_is_read(put, form, suffix):
    wanted = [
        ("d/a.jpg", b"\xff" * 1000),
        ("d/a.json", b"{}"),
        ("f" * 90 + "/" + "l" * 90 + ".json", b"1" * BLOCK),
        ("e", b""),
    ]
    if form != tarfile.USTAR_FORMAT:
        wanted.append(("n" * 700 + ".json", b"2"))
        wanted.append(("h\u00e4nd.json", b"3"))

    def fill(archive):
        archive.addfile(*of("d", b"", type=tarfile.DIRTYPE))
        archive.addfile(*of("./", b"", type=tarfile.DIRTYPE))
        for name, data in wanted:
            archive.addfile(*of(name, data, mtime=1.5 if form == tarfile.PAX_FORMAT else 1))

    path = put(PACKERS[suffix](by_tarfile(fill, form)), f"a.{suffix}")
    assert is_tar(path.read_bytes()[:BLOCK])
    assert [(m.name, m.data) for m in members(path)] == wanted
    assert [(m.name, m.size, m.data is None) for m in members(path, lambda name: name.endswith(".jpg"))] == [
        (name, len(data), not name.endswith(".jpg")) for name, data in wanted
    ]


def test_a_leading_dot_is_nothing_and_gnu_sizes_in_binary_are_numbers(put):
    path = put(file(b"./d/a.json", b"abc", size_field=b"\x80" + b"\0" * 10 + b"\3", magic=b"ustar  \0") + END)
    assert [(m.name, m.data) for m in members(path)] == [("d/a.json", b"abc")]


def test_what_is_not_wanted_is_never_read(put, monkeypatch):
    path = put(file(b"a.jpg", b"\xff" * 5_000_000) + file(b"a.json") + END)
    read = []
    opened = path.open("rb")
    real = opened.read

    class Watched:
        def read(self, size):
            read.append(size)
            return real(size)

        seek, close = opened.seek, opened.close

    monkeypatch.setattr("hint_toolkit.io.archives._plain", lambda path: Watched())
    assert [m.data for m in members(path, lambda name: name == "a.json")] == [None, b"{}"]
    assert sum(read) < 10 * BLOCK


NAMES = [
    *("/etc/passwd", "../a", "d/../../a", "d/..", "..", ".", "", "a//b", "d/./a", "\\\\host\\a", "d\\a", "C:a", "c:/a"),
    *("a\nb", "a\rb", "a\tb", "a\x1b[2Jb", "a\x7f", "a\u202eb", "\u2028", "././a", "a/", "/", "~/../a"),
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_names_that_lead_out_or_cannot_be_shown_are_refused(put, name):
    raw = name.encode()
    ways = [
        file(raw),
        extended(b"x", record(b"path", raw)) + file(),
        extended(b"L", raw + b"\0") + file(),
    ]
    if name not in ("", ".", "a/", "/"):  # as folders are named
        ways.append(header(raw, kind=b"5"))
    for made in ways:
        with pytest.raises(InputError, match=r"a\.tar: holds a member whose name is no plain path") as caught:
            list(members(put(made + END)))
        assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("kind", "what"),
    [("1", "hard link"), ("2", "symbolic link"), ("3", "device"), ("4", "device"), ("6", "FIFO"), ("S", "sparse"),
     ("K", "link"), ("M", "part of a file"), ("7", "unknown kind"), ("D", "dump"), ("Z", "unknown kind"),
     ("\xff", "unknown kind")],
)  # fmt: skip
def test_only_files_and_folders_are_members(put, kind, what):
    with pytest.raises(InputError, match=rf"holds 'a\.json', .*{what}"):
        list(members(put(header(kind=kind.encode("latin-1")) + END)))


def test_links_as_tarfile_writes_them_are_refused(put, tmp_path):
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        data = by_tarfile(lambda archive, k=kind: archive.addfile(of("a.json", b"", type=k, linkname="/etc/passwd")[0]))
        with pytest.raises(InputError, match="link"):
            list(members(put(data)))


SPARSE = (
    record(b"GNU.sparse.major", b"1") + record(b"GNU.sparse.minor", b"0") + record(b"GNU.sparse.realsize", b"9" * 12)
)
HOSTILE = {
    "a sparse file in pax": (extended(b"x", SPARSE) + file(), "a sparse file"),
    "names in another charset": (extended(b"x", record(b"hdrcharset", b"BINARY")) + file(), "another charset"),
    "a name for all": (extended(b"g", record(b"path", b"a.json")) + file(), "names or sizes all members"),
    "a size for all": (extended(b"g", record(b"size", b"7")) + file(), "names or sizes all members"),
    "8 GB": (header(size=0o77777777777), "bytes, more than any sample has"),
    "2^80 bytes": (header(size_field=b"\x80" + b"\xff" * 11), "bytes, more than any sample has"),
    "a negative size": (header(size_field=b"\xff" * 11 + b"\0"), "a header's number is none"),
    "a size in pax": (extended(b"x", record(b"size", b"9" * 15)) + file(), "more than any sample has"),
    "a negative size in pax": (extended(b"x", record(b"size", b"-512")) + file(), "a size is no number"),
    "an endless size in pax": (extended(b"x", record(b"size", b"9" * 5000)) + file(), "a size is no number"),
    "a size beyond the file": (header(size=100_000) + b"x" * 600, "is cut short"),
    "a member cut off": (file(data=b"x" * 600)[:-100], "is cut short"),
    "a header cut off": (file() + header()[:300], "is cut short"),
    "no end": (file(), "is cut short"),
    "nothing": (b"", "is empty"),
    "half an end": (file() + b"\0" * BLOCK + file(b"b.json") + END, "its end is none"),
    "an extended header of nothing": (extended(b"x", record(b"path", b"a")) + END, "its end is none"),
    "a huge extended header": (header(size=1 << 30, kind=b"x"), "extended headers beyond any need"),
    "a huge long name": (header(size=1 << 30, kind=b"L"), "extended headers beyond any need"),
    "endless extended headers": (extended(b"x", record(b"comment", b"x")) * 99 + file() + END, "beyond any need"),
    "a record of length 0": (extended(b"x", b"0 path=a\n") + file(), "extended header is none"),
    "a record of length -9": (extended(b"x", b"-9 path=a\n") + file(), "extended header is none"),
    "a record longer than all": (extended(b"x", b"99 path=a\n") + file(), "extended header is none"),
    "a record without a key": (extended(b"x", b"6 abc\n") + file(), "extended header is none"),
    "the same twice": (file() * 2 + END, "holds 'a.json' more than once"),
    "the same by another spelling": (file() + file(b"./a.json") + END, "holds 'a.json' more than once"),
    "a folder and a file": (header(b"a.json/", kind=b"5") + file() + END, "holds 'a.json' more than once"),
    "a folder with bytes": (file(b"d", kind=b"5") + END, "a folder with bytes"),
    "a wrong checksum": (header()[:148] + b"000000\0 " + header()[156:] + END, "checksum is wrong"),
    "no number": (header(size_field=b"12x45678901\0"), "a header's number is none"),
    "no magic": (header(magic=b"vista\x0000") + END, "is no tar archive"),
    "a name in latin-1": (file(b"h\xe4nd.json") + END, "no UTF-8"),
    "half a character": (file(b"\xed\xa0\x80.json") + END, "no UTF-8"),
    "text": (b"{}" * 1000, "is no tar archive"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("suffix", ["tar", "tar.gz", "tar.xz"])
def test_hostile_archives_are_one_line(put, case, suffix, tmp_path, monkeypatch):
    data, message = HOSTILE[case]
    path = put(PACKERS[suffix](data), f"a.{suffix}")
    monkeypatch.chdir(tmp_path)
    start = time.monotonic()
    with pytest.raises(InputError, match=message) as caught:
        list(members(path))
    assert time.monotonic() - start < 2
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 400
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.bz2", "tar.xz"])
def test_an_endless_unpacking_is_stopped(put, suffix):
    size = 40 << 20
    path = put(PACKERS[suffix](header(b"a.jpg", size) + b"\0" * size + END), f"a.{suffix}")
    assert path.stat().st_size < 200_000
    assert [m.size for m in members(path, lambda name: False)] == [size]  # so little is no trap by itself
    for limits in (Limits(free=8 << 20), Limits(unpacked=30 << 20)):
        with pytest.raises(InputError, match="unpacks to far more than a dataset would"):
            list(members(path, lambda name: False, limits))


def test_what_stands_behind_the_end_is_bounded_too(put):
    path = put(gzip.compress(file() + END + b"\0" * (40 << 20)), "a.tar.gz")
    assert [m.name for m in members(path)] == ["a.json"]
    with pytest.raises(InputError, match="unpacks to far more"):
        list(members(path, limits=Limits(free=8 << 20)))


def test_an_xz_that_wants_a_huge_dictionary_is_refused(put):
    raw = bytearray(lzma.compress(file() + END))
    # xz file format 1.1.0: after 12 bytes a block header; its LZMA2 filter has one byte, the size of the dictionary.
    length = (raw[12] + 1) * 4
    block = raw[12 : 12 + length]
    assert block[2:4] == b"\x21\x01"
    block[4] = 37  # 1.5 GB
    block[-4:] = zlib.crc32(bytes(block[:-4])).to_bytes(4, "little")
    raw[12 : 12 + length] = block
    assert lzma.decompress(bytes(raw)).startswith(b"a.json")
    with pytest.raises(InputError, match="(?i)memory"):
        list(members(put(bytes(raw), "a.tar.xz")))


def test_too_many_members_are_refused(put):
    data = b"".join(file(b"%d.json" % i) for i in range(20)) + END
    assert len(list(members(put(data), limits=Limits(members=20)))) == 20
    with pytest.raises(InputError, match="holds more than 19 members"):
        list(members(put(data), limits=Limits(members=19)))


@pytest.mark.parametrize("suffix", ["tar.gz", "tar.bz2", "tar.xz"])
def test_compressed_archives_that_are_damaged_or_cut_short(put, suffix):
    body = random.Random(1).randbytes(9000)
    packed = PACKERS[suffix](file(data=body) + END)
    for n in (10, 40, len(packed) // 2, len(packed) - 12):
        with pytest.raises(InputError, match=r"a\.tar"):
            list(members(put(packed[:n], f"a.{suffix}")))
    torn = bytearray(packed)
    torn[len(torn) // 2] ^= 0xFF
    with pytest.raises(InputError, match=r"a\.tar"):
        list(members(put(bytes(torn), f"a.{suffix}")))
    with pytest.raises(InputError, match=r"no\.tar"):
        list(members(put(b"", "x").with_name("no.tar")))


def test_a_thousand_damaged_archives_end_in_one_line_or_are_read(put):
    whole = (
        extended(b"x", record(b"path", b"d/" + b"n" * 120 + b".json"))
        + file(data=b"1" * 700)
        + extended(b"L", b"long.json\0")
        + file()
        + header(b"d/", kind=b"5")
        + file(b"b.jpg", b"\xff" * 900)
        + END
    )
    chance = random.Random(7)
    read = refused = 0
    start = time.monotonic()
    for _ in range(1000):
        torn = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            torn[chance.randrange(len(torn))] = chance.choice([0, 255, chance.randrange(256), ord("0"), ord("7")])
        if chance.random() < 0.2:
            del torn[chance.randrange(len(torn)) :]
        try:
            read += all(m.data is not None for m in members(put(bytes(torn))))
        except InputError as error:
            refused += str(error).isprintable()
    assert read + refused == 1000
    assert min(read, refused) > 50
    assert time.monotonic() - start < 10


def test_memory_stays_flat_over_many_members(put):
    import tracemalloc

    path = put(b"".join(file(b"%d.json" % i, b"x" * 100_000) for i in range(100)) + END)
    tracemalloc.start()
    for _ in itertools.islice(members(path), 100):
        pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000  # of 10 MB
