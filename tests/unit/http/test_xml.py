from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiostorage._http import xml

LISTING = b"""<?xml version="1.0" encoding="UTF-8"?>
<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>b</Name><Prefix/><IsTruncated>false</IsTruncated>
  <Contents><Key> a&amp;b </Key><Owner><ID>me</ID></Owner><Size>1</Size></Contents>
  <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes>
</ListBucketResult>"""


def test_a_document_is_fields_and_records() -> None:
    document = xml.parse(LISTING)
    assert document.root == "ListBucketResult"
    assert document.fields == {"Name": "b", "Prefix": "", "IsTruncated": "false"}
    assert [name for name, _ in document.records] == ["Contents", "CommonPrefixes"]
    assert document.records[0][1]["Key"] == " a&b "
    assert document.records[0][1]["Size"] == "1"
    assert document.records[1][1] == {"Prefix": "p/"}


@pytest.mark.parametrize(
    "body",
    [
        b"<Error><Code>X</Code></Error>",
        b'<Error xmlns="urn:other"><Code>X</Code></Error>',
        b'<s3:Error xmlns:s3="urn:any"><s3:Code>X</s3:Code></s3:Error>',
        b"<s3:Error><s3:Code>X</s3:Code></s3:Error>",
        b' \r\n <?xml version="1.0"?>\n<Error><Code>X</Code></Error>\n ',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><Error><Code>X</Code></Error>',
    ],
)
def test_namespaces_and_space_around_do_not_matter(body: bytes) -> None:
    document = xml.parse(body)
    assert (document.root, document.fields) == ("Error", {"Code": "X"})


def test_it_is_utf_8_whatever_it_claims() -> None:
    assert xml.parse('<?xml version="1.0" encoding="ISO-8859-1"?><a><b>é</b></a>'.encode()).fields == {"b": "é"}


def test_a_wrapper_counts_as_nothing() -> None:
    buckets = b"<Buckets><Bucket><Name>a</Name></Bucket><Bucket><Name>b</Name></Bucket></Buckets>"
    body = b"<R><Owner><ID>1</ID></Owner>" + buckets + b"</R>"
    document = xml.parse(body, wrappers=("Buckets",))
    assert document.records == [("Owner", {"ID": "1"}), ("Bucket", {"Name": "a"}), ("Bucket", {"Name": "b"})]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not xml",
        b"<a><b></a>",
        b"<a/><b/>",
        b"<!DOCTYPE html><html></html>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b"<a>&unknown;</a>",
        b'<?xml version="1.0" encoding="utf-16"?>' + "<!DOCTYPE a><a/>".encode("utf-16"),
        # In this code page the declaration is hidden from whoever searches the bytes for it.
        b'<?xml version="1.0" encoding="cp037"?>' + "<!DOCTYPE a><a/>".encode("cp037"),
        b"<a>\xff</a>",
        b"<x>" * 100 + b"</x>" * 100,
    ],
)
def test_what_is_refused(body: bytes) -> None:
    with pytest.raises(xml.MalformedXMLError):
        xml.parse(body)


def test_no_document_is_longer_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_BYTES", 10)
    with pytest.raises(xml.MalformedXMLError, match="too long"):
        xml.parse(b"<a>12345</a>")


@pytest.mark.parametrize("written", [b"&#1;", b"&#x1;", b"&#x01;", b"\x01"])
def test_control_characters_that_xml_cannot_carry_are_read_all_the_same(written: bytes) -> None:
    document = xml.parse(b"<a><b>x" + written + b"y&#10;&#x20;\xc3\xa9</b></a>")
    assert document.fields == {"b": "x\x01y\n é"}


def test_stand_ins_for_control_characters_are_not_taken_for_text() -> None:
    with pytest.raises(xml.MalformedXMLError):
        xml.parse("<a><b>\x01\U0010ff01</b></a>".encode())
    assert xml.parse("<a><b>\U0010ff01</b></a>".encode()).fields == {"b": "\U0010ff01"}


@given(st.text(st.characters(exclude_categories=["Cs"]) | st.sampled_from("<>&\"'\r\n\t\x00\x1f\ufffe]")))
def test_every_text_that_is_expressible_comes_back_from_any_parser(text: str) -> None:
    body = xml.document("Delete", xml.element("Key", text))
    if xml.is_expressible(text):
        assert (ElementTree.fromstring(body)[0].text or "") == text
        assert xml.parse(body).fields == {"Key": text}
    else:
        with pytest.raises(ElementTree.ParseError):
            ElementTree.fromstring(body)


def test_wrappers_at_any_depth_and_attributes_of_texts() -> None:
    body = (
        b'<R v="1"><Blobs a="b"><Blob x="y"><Name Encoded="true">a%2F</Name><Properties><Size>1</Size></Properties>'
        b"</Blob></Blobs><Next/></R>"
    )
    document = xml.parse(body, wrappers=("Blobs", "Properties"))
    assert document.records == [("Blob", {"Name": "a%2F", "Name@Encoded": "true", "Size": "1"})]
    assert document.fields == {"Next": ""}


def test_a_wrapper_is_known_whatever_its_prefix() -> None:
    """WebDAV servers call the same element ``D:prop``, ``lp1:prop`` or ``prop``."""
    body = b'<D:all xmlns:D="DAV:"><D:one><D:href>/a</D:href><D:prop><D:size>1</D:size></D:prop></D:one></D:all>'
    assert xml.parse(body, wrappers={"prop"}).records == [("one", {"href": "/a", "size": "1"})]
