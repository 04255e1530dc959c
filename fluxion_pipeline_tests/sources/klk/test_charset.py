"""An answer is UTF-8 where it can be, whatever its server declares; a declared encoding counts where it can't."""

from __future__ import annotations

from pathlib import Path

import pytest

from fluxion_pipeline.contracts.outcomes import Answer
from fluxion_pipeline.sources.klk.charset import encoding_of
from fluxion_pipeline_tests.sources.klk.conftest import DAY, Open
from fluxion_pipeline_tests.support.tills import Said, said, sale, sales

TEXT = '[{"a": "ñandú €"}]'


@pytest.mark.parametrize(
    ("written", "declared", "read"),
    [
        ("utf-8", None, "utf-8"),
        ("utf-8", "utf-8", "utf-8"),
        ("utf-8", "iso-8859-1", "utf-8"),
        ("utf-8-sig", "windows-1252", "utf-8"),
        ("utf-8", "us-ascii", "utf-8"),
        ("cp1252", "windows-1252", "windows-1252"),
        ("utf-16", "utf-16", "utf-16"),
        ("utf-16-le", "utf-16-le", "utf-16-le"),
        ("cp1252", "utf8mb4", "utf-8"),
        ("cp1252", None, "utf-8"),
        *[("utf-8", name, "utf-8") for name in ("base64", "hex", "zlib", "rot13", "undefined", "idna", "", "\x00", "no such")],
    ],
)
def test_the_encoding_that_an_answer_is_in(tmp_path: Path, written: str, declared: str | None, read: str) -> None:
    (tmp_path / "a").write_bytes(TEXT.encode(written))
    assert encoding_of(tmp_path / "a", declared) == read


@pytest.mark.parametrize("charset", ["ISO-8859-1", "base64", "undefined", "punycode"])
def test_a_wrong_encoding_spoils_no_name(chain: Open, charset: str) -> None:
    good = said(sales([sale(DAY, descripcion_producto="PIÑA GRANDE")]))
    found = chain(lambda _: Said(b"\xef\xbb\xbf" + good.body, kind=f"application/json; charset={charset}")).sales()
    assert found.answer is Answer.ENTERA, found.reason
    assert found.met is not None
    assert found.met.column("descripcion").to_pylist() == ["PIÑA GRANDE"]
