#!/usr/bin/env python3
"""Makes the golden codes from the tables in src/card_code.rs and src/recovery_code.rs, bit by bit,
and nothing else."""

from pathlib import Path

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def crc24(data):
    """CRC-24 of RFC 4880 section 6.1, as it is printed there."""
    crc = 0xB704CE
    for octet in data:
        crc ^= octet << 16
        for _ in range(8):
            crc <<= 1
            if crc & 0x1000000:
                crc ^= 0x1864CFB
    return crc & 0xFFFFFF


def text(role, uid, secret):
    size = {4: 0, 7: 1, 10: 2}[len(uid)]
    body = bytes([size << 4 | role]) + uid + secret
    return "OP1:" + symbols(body + crc24(b"\x01" + body).to_bytes(3, "big"))


def recovery(number, secret):
    body = bytes([number]) + secret
    return "OPR1:" + symbols(body + crc24(b"R\x01" + body).to_bytes(3, "big"))


def symbols(whole):
    bits = "".join(f"{byte:08b}" for byte in whole)
    bits += "0" * (-len(bits) % 5)
    return "".join(ALPHABET[int(bits[at : at + 5], 2)] for at in range(0, len(bits), 5))


def rust(data):
    return "[" + ", ".join(f"0x{byte:02x}" for byte in data) + "]"


CASES = [
    (0, "Privilege", bytes([0xDE, 0xAD, 0xBE, 0xEF]), bytes(range(16))),
    (1, "Charging", bytes.fromhex("04782E21801D80"), bytes(range(255, 239, -1))),
    (1, "Charging", bytes(range(0x30, 0x3A)), bytes([0] * 15 + [1])),
]
assert crc24(b"123456789") == 0x21CF02, "the published check value"
here = Path(__file__).resolve().parent.parent / "src" / "card_code"
rows = [
    f"    (CardRole::{name}, &{rust(uid)}, {rust(secret)}, \"{text(role, uid, secret)}\"),\n"
    for role, name, uid, secret in CASES
]
(here / "golden.in").write_text("[\n" + "".join(rows) + "]\n")
(here / "no_such_role.txt").write_text(text(2, bytes(4), bytes(16)) + "\n")

RECOVERIES = [
    (0, bytes(range(16))),
    (1, bytes(range(255, 239, -1))),
    (255, bytes([0] * 15 + [1])),
]
rows = [
    f"    ({number}, {rust(secret)}, \"{recovery(number, secret)}\"),\n" for number, secret in RECOVERIES
]
(here.parent / "recovery_code" / "golden.in").write_text("[\n" + "".join(rows) + "]\n")
