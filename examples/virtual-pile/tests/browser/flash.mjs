// A flash image as its published format says: the bills and what was drawn, by nothing of the pile's own
// code. Good for a journal that was never compacted.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';

/** Every record of the image, in order, its chain computed again. */
export function records(image) {
  assert.equal(image.toString('latin1', 0, 4), 'OPLJ');
  const write = image[6];
  const size = image.readUInt16LE(8) * 64;
  const padded = (length) => Math.ceil(length / write) * write;
  let head = createHash('sha256').update('openpile journal\x03').update(image.subarray(32, 48)).digest();
  let seq = 1n;
  const found = [];
  for (let page = 0; image.toString('latin1', page * size, page * size + 4) === 'OPLJ'; page += 1) {
    const bytes = image.subarray(page * size, (page + 1) * size);
    assert.equal(bytes.readUInt32LE(12), page, 'the ring has gone round');
    assert.equal(bytes.readBigUInt64LE(24), seq);
    assert.ok(bytes.subarray(48, 80).equals(head));
    for (let at = padded(84); at < size && bytes[at] !== 0xff;) {
      const length = bytes[at];
      const kind = bytes[at + 1] >> 6;
      const payload = bytes.subarray(at + 2, at + 2 + length);
      const covered = Buffer.alloc(10);
      covered.writeBigUInt64LE(seq);
      covered[8] = kind;
      covered[9] = length;
      const next = createHash('sha256').update(head).update(covered).update(payload).digest();
      // Torn by a cut: the rest of the page was given up.
      if (!bytes.subarray(at + 2 + length, at + 4 + length).equals(next.subarray(0, 2))) break;
      head = next;
      if (kind === 0) found.push(payload);
      seq += 1n;
      at += padded(7 + length);
    }
  }
  return found;
}

/** The bills, each held against what was drawn and its prices; milliwatt-hours and micro-units. */
export function bills(image) {
  const found = [];
  let drawn = 0n;
  let stretches = [];
  for (const record of records(image)) {
    let at = 0;
    const number = () => {
      let value = 0n;
      for (let shift = 0n; ; shift += 7n) {
        const byte = record[at++];
        value |= BigInt(byte & 0x7f) << shift;
        if (byte < 0x80) return value;
      }
    };
    const skip = (count) => { for (let i = 0; i < count; i += 1) number(); };
    switch (number()) {
      case 9n: // SessionOpened
        drawn = 0n;
        break;
      case 10n: { // Progress
        skip(1);
        for (let mask = number() & 0xffffn; mask > 0n; mask &= mask - 1n) drawn += number();
        break;
      }
      case 11n: // SegmentClosed
      case 12n: // LastSegment
        skip(4);
        at += 1 + record[at];
        skip(4);
        stretches.push([number(), number(), number()]);
        break;
      case 13n: { // SessionClosed
        skip(10);
        const energy = number();
        skip(2);
        at += 3;
        const bill = { energy, electricity: number(), service: number(), total: number() };
        assert.equal(energy, drawn, 'the bill is what the progress records add up to');
        assert.equal(stretches.reduce((sum, one) => sum + one[0], 0n), energy);
        // mWh times micro-units a kWh are 10^-12 units; rounded down, once, to 0.01.
        const [electricity, service] = [1, 2].map((price) => stretches.reduce((sum, one) => sum + one[0] * one[price], 0n));
        const cent = 10_000n * 1_000_000n;
        assert.equal(bill.total, ((electricity + service) / cent) * 10_000n);
        assert.equal(bill.electricity, (electricity / cent) * 10_000n);
        assert.equal(bill.electricity + bill.service, bill.total);
        found.push(bill);
        stretches = [];
        break;
      }
      default:
    }
  }
  return found;
}
