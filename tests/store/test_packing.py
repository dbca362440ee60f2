"""Packed texts: they come back whole, take half, and nothing that is damaged or planted does harm."""

import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from comments.store.packing import pack, unpack

COMMENT = (
    "Theo tôi, cơ quan chức năng cần xử lý nghiêm những người lấn chiếm vỉa hè. Không thể để tình trạng này kéo dài "
    "mãi được, người dân đi bộ xuống lòng đường rất nguy hiểm, nhất là trẻ em và người già."
)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=5000))
def test_every_text_comes_back(text: str) -> None:
    assert unpack(pack(text)) == text


def test_what_was_packed_before_can_be_read() -> None:
    packed = bytes.fromhex("43b11fa4df09a92b0acf937a408ba023228a202380e6c5d60200")
    assert unpack(packed) == '{"s":"main","b":"Bài viết rất hay. Thank you!","r":[]}'


def test_a_comment_takes_half() -> None:
    said = json.dumps({"s": "main", "n": "Nguyễn Thị Hoa", "b": COMMENT}, ensure_ascii=False)
    assert len(pack(said)) < 0.5 * len(said.encode())


@pytest.mark.parametrize("packed", [b"", b"{", b"\xff\xfe", pack(COMMENT)[:-1], b"\0" + pack(COMMENT)])
def test_what_is_damaged_is_told(packed: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        unpack(packed)


def test_what_was_planted_cannot_fill_the_memory() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, -13)
    with pytest.raises(ValueError, match="damaged"):
        unpack(packer.compress(bytes(10_000_000)) + packer.flush())
