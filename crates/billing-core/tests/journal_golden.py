"""Builds the journal image of src/journal/golden.hex from FORMAT.md alone.

    python3 tests/journal_golden.py > src/journal/golden.hex
"""
import hashlib
import struct
import zlib

IDENTITY, WRITE, PAGE, PAGES = b"0123456789abcdef", 8, 256, 4
image = bytearray(b"\xff" * PAGE * PAGES)
head, seq, place = hashlib.sha256(b"openpile journal\x01" + IDENTITY).digest(), 1, 0


def put(data):
    global place
    data += zlib.crc32(data).to_bytes(4, "little")
    data += b"\xff" * (-len(data) % WRITE)
    image[place:place + len(data)] = data
    place += len(data)


def page(counter, base, begun=0xFFFFFFFF):
    global place
    place = counter % PAGES * PAGE
    put(struct.pack("<4sBBBBHHIIIQ16s32s", b"OPLJ", 1, 0, WRITE, 0, PAGE // 64, PAGES,
                    counter, base, begun, seq, IDENTITY, head))


def frame(mark, payload):
    global head, seq
    head = hashlib.sha256(head + struct.pack("<QBB", seq, mark, len(payload)) + payload).digest()
    put(bytes([len(payload), mark << 6 | seq & 63]) + payload + head[:4])
    seq += 1


RECORD, SNAPSHOT, END = 0, 1, 2
page(0, base=0)
frame(RECORD, b"first")
frame(RECORD, bytes(range(40)))
page(1, base=0, begun=1)
frame(SNAPSHOT, b"sum")
frame(SNAPSHOT, b"first")
frame(END, (2).to_bytes(4, "little"))
page(2, base=1)
frame(RECORD, b"last")
for line in range(0, len(image), 32):
    print(image[line:line + 32].hex())
