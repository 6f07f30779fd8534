# SPDX-License-Identifier: LGPL-2.1-or-later
"""Batches of events by the tables of docs/protocol.md (§3.4), their messages (§3.1) and the answers to them (§3.2)."""

import collections
import struct

BOOL, INT64, DOUBLE, DECIMAL, STRING, TIMESTAMP = 1, 2, 3, 4, 5, 6
CODES = {1: "invalid", 2: "not-found", 3: "overloaded", 4: "unavailable", 5: "internal", 6: "too-large", 7: "protocol", 8: "timeout", 9: "conflict"}

Receipt = collections.namedtuple("Receipt", "request code accepted sequence retry_ms event field message")


def batch(source, columns, producer=None, number=0, n_events=None):
    """§3.4: columns is a list of (name, type, scale, values); None is null."""
    data = bytearray(64)

    def part(content):
        """Puts content on the next multiple of 8 and says where."""
        at = len(data)
        data.extend(content + bytes(-len(content) % 8))
        return at

    n_events = len(columns[0][3]) if n_events is None else n_events
    table = part(bytes(32 * len(columns)))
    frontier = part(bytes(16 if producer else 0))
    path = part(source.encode() + b"\0")
    if producer:
        struct.pack_into("<IIQ", data, frontier, part(producer.encode() + b"\0"), len(producer), number)
    for i, (name, kind, scale, values) in enumerate(columns):
        width = {1: 1, 5: 4}.get(kind, 8)
        n_dict = offsets = text = 0
        if kind == 5:
            words = list(dict.fromkeys("" if value is None else value for value in values))
            ends, texts = [0], b""
            for word in words:
                texts += word.encode() + b"\0"
                ends.append(len(texts))
            n_dict, offsets, text = len(words), part(struct.pack(f"<{len(ends)}I", *ends)), part(texts)
            values = [None if value is None else words.index(value) for value in values]
            # A null has the code 0, which the dictionary has in any case.
        form = {1: "?", 3: "d", 5: "I"}.get(kind, "q")
        name_at = part(name.encode() + b"\0")
        at = part(struct.pack(f"<{len(values)}{form}", *[0 if value is None else value for value in values]))
        bits = 0
        if None in values:
            mask = sum((value is not None) << row for row, value in enumerate(values))
            bits = part(mask.to_bytes((len(values) + 7) // 8, "little"))
        struct.pack_into("<IIBBBBIIIII", data, table + 32 * i, name_at, len(name.encode()), kind, scale, width, 0, at, bits, n_dict, offsets, text)
    struct.pack_into("<4sHHQQqIIIIIIII", data, 0, b"SYNS", 1, 0, 0, 0, 0, len(data), n_events, len(columns), table, 1 if producer else 0,
                     frontier, path, len(source.encode()))
    return bytes(data)


def publication(request, content):
    return struct.pack("<B3xIII", 0x10, request, len(content), 0) + content


def receipt(answer):
    """What became of a publication; `code` is None when it was accepted. None: an answer to something else."""
    if answer[0] == 0x90:
        request, accepted, sequence = struct.unpack("<4xIQQ", answer)
        return Receipt(request, None, accepted, sequence, 0, 0, "", "")
    if answer[0] != 0x91:
        return None
    code, request, retry_ms, event, field_bytes, message_bytes = struct.unpack_from("<HIIIII", answer, 2)
    assert len(answer) == 32 + field_bytes + message_bytes
    return Receipt(request, CODES[code], 0, 0, retry_ms, event, answer[32:32 + field_bytes].decode(), answer[32 + field_bytes:].decode())
