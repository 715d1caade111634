"""Texts in any usual encoding, told by their bytes alone."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from saln.datasets import DataError
from saln.datasets.charset import decode

JAPANESE = [
    "ラベル,文\n場所,東京はどこですか\n",
    "東京,大阪",
    "名前",
    "id,名称\n1,鋼板\n2,圧延",
    "品質,良好\n検査,不良",
    "髙橋,①②",
    "ｶﾅ,ﾃｽﾄ",
]
EUROPEAN = [
    "Größe;Käse", "sécheresse déjà vu", "naïve", "l’été", "don’t – “quoted”", "it’s", "10–20", "10 €", "señor", "ÉTÉ",
    "Ångström", "°C", "½",
]  # fmt: skip


@pytest.mark.parametrize("text", JAPANESE)
def test_shift_jis(text: str) -> None:
    assert decode(text.encode("cp932"), "f") == (text, "cp932")


@pytest.mark.parametrize("text", EUROPEAN)
def test_western_european(text: str) -> None:
    assert decode(text.encode("cp1252"), "f") == (text, "cp1252")


@given(st.text(min_size=1, max_size=40))
@settings(max_examples=60, deadline=None)
def test_unicode_comes_back_in_every_encoding_with_a_mark(text: str) -> None:
    text = text.replace("\ufeff", "").replace("\0", "")
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert decode(text.encode(encoding), "f")[0] == text


HIRAGANA = st.characters(min_codepoint=0x3041, max_codepoint=0x3093)


@given(st.text(HIRAGANA, min_size=1, max_size=20), st.text(st.characters(max_codepoint=126), max_size=40))
@settings(max_examples=100, deadline=None)
def test_hiragana_among_ascii_is_shift_jis(kana: str, ascii_text: str) -> None:
    text = ascii_text + kana
    if "\0" not in text:
        assert decode(text.encode("cp932"), "f") == (text, "cp932")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark(encoding: str) -> None:
    assert decode("名,color\n青,blue\n".encode(encoding), "f")[0] == "名,color\n青,blue\n"


@pytest.mark.parametrize("encoding", ["euc-jp", "gb18030", "cp1251"])
def test_other_encodings_are_read_where_they_are_named(encoding: str) -> None:
    text = {"cp1251": "цвет,белый"}.get(encoding, "色,白")
    assert decode(text.encode(encoding), "f", encoding) == (text, encoding)


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        ("a\né\n".encode("cp1252"), "utf-8", "f.csv: is not utf-8: byte E9 in line 2"),
        (b"a", "utf-9", "f.csv: encoding 'utf-9' is not known; wanted a name such as utf-8 or cp932"),
        ("色は白\n".encode() * 3 + b"\xff\n", None, "f.csv: is UTF-8, but for the byte FF in line 4"),
        (b"\xff\xfea\x00b", None, "f.csv: is not utf-16: byte 62 in line 1"),
    ],
)
def test_what_cannot_be_decoded_is_named_with_its_place(content: bytes, encoding: str | None, words: str) -> None:
    with pytest.raises(DataError) as caught:
        decode(content, "f.csv", encoding)
    assert str(caught.value).startswith(words)
