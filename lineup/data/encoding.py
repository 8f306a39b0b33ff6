"""How the bytes of a file are text."""

import codecs
import re

from lineup.errors import InputError

MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
BINARY = {
    b"PK\x03\x04": "an Excel workbook or another zip archive",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"%PDF": "a PDF document",
}


def find_encoding(sample: bytes) -> str:
    """Tells the encoding: a byte order mark, UTF-8 if it is valid, else Windows-1252 if the words look like it."""
    for start, what in BINARY.items():
        if sample.startswith(start):
            raise InputError(f"is {what}, not text: save the table as CSV")
    for mark, encoding in MARKS.items():
        if sample.startswith(mark):
            return encoding
    zeros = sample[:4000].count(0)
    if zeros > len(sample[:4000]) / 8 and zeros:
        return "utf-16-le" if sample[1:2] == b"\0" else "utf-16-be"
    if zeros:
        raise InputError("holds bytes of 0, so that it is no text: save the table as CSV")
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
        return "utf-8"
    except UnicodeDecodeError:
        pass
    # Not the euro, quotes and dashes of Windows, which stand alone in any language.
    words = re.findall(rb"[A-Za-z\x81-\x84\x86-\x90\x98\x9a-\x9f\xc0-\xff]{2,}", sample)
    words = [word for word in words if max(word) >= 0x80]
    foreign = [word for word in words if sum(byte >= 0x80 for byte in word) > 0.6 * len(word)]
    if 2 * len(foreign) > len(words):
        raise InputError(
            "is not UTF-8, and its words do not look Western: name its encoding under reading.encoding, cp1251 or gb18030, say"
        )
    return "cp1252"


def decoded(sample: bytes, encoding: str) -> str:
    """Decodes the beginning of a file, whose last character may be cut off."""
    try:
        return codecs.getincrementaldecoder(encoding)().decode(sample).removeprefix("\ufeff")
    except LookupError:
        raise InputError(f"has the encoding {encoding!r} in the config, which Python does not know") from None
    except UnicodeDecodeError as error:
        line = sample.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"is no text in {encoding}: line {line} has the byte 0x{sample[error.start]:02x}; name its encoding under "
            "reading.encoding"
        ) from None
