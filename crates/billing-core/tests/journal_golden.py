"""Builds the journal image of src/journal/golden.hex from FORMAT.md alone.

    python3 tests/journal_golden.py > src/journal/golden.hex
"""
import hashlib
import struct
import zlib

IDENTITY, WRITE, PAGE, PAGES = b"0123456789abcdef", 8, 256, 4
image = bytearray(b"\xff" * PAGE * PAGES)
head, seq, place = hashlib.sha256(b"openpile journal\x03" + IDENTITY).digest(), 1, 0


def crc24(data):
    """CRC-24/FLEXRAY-A: polynomial 0x5d6dcb, initial value 0xfedcba, nothing reflected."""
    remainder = 0xFEDCBA
    for byte in data:
        remainder ^= byte << 16
        for _ in range(8):
            remainder = (remainder << 1) ^ (0x5D6DCB if remainder & 0x800000 else 0)
            remainder &= 0xFFFFFF
    return remainder


assert crc24(b"123456789") == 0x7979BD  # the catalogue's check value


def put(data):
    global place
    data += b"\xff" * (-len(data) % WRITE)
    image[place:place + len(data)] = data
    place += len(data)


def page(counter, base, flags=0, copies=0):
    global place
    place = counter % PAGES * PAGE
    fields = struct.pack("<4sBBBBHHIIIQ16s32s", b"OPLJ", 3, flags, WRITE, 0, PAGE // 64, PAGES,
                         counter, base, copies, seq, IDENTITY, head)
    put(fields + zlib.crc32(fields).to_bytes(4, "little"))


def frame(kind, payload):
    global head, seq
    head = hashlib.sha256(head + struct.pack("<QBB", seq, kind, len(payload)) + payload).digest()
    covered = bytes([len(payload), kind << 6 | seq & 63]) + payload + head[:2]
    put(covered + crc24(covered).to_bytes(3, "little"))
    seq += 1


RECORD, PIECE, END, CARRIED = 0, 1, 2, 3
RECOVERY, PROVISIONAL = 1, 2
page(0, base=0)
frame(RECORD, b"first")
frame(RECORD, bytes(range(140)))
# The first copy that held before: by page 0, no frame stands before it, so it is frame 1.
page(1, base=0, flags=PROVISIONAL, copies=2)
frame(PIECE, b"sum")
page(2, base=0)
frame(END, (1).to_bytes(4, "little"))
frame(CARRIED, b"\x01first")
frame(RECORD, bytes(range(120, 200)))
page(3, base=1)
frame(RECORD, bytes(60))
for line in range(0, len(image), 32):
    print(image[line:line + 32].hex())
