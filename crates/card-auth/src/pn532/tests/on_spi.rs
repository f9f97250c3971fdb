//! The bus, bit by bit turned.

use super::*;

fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

fn spi(operations: &[Transaction<u8>]) -> Vec<Transaction<u8>> {
    let mut script = vec![Transaction::transaction_start()];
    script.extend_from_slice(operations);
    script.push(Transaction::transaction_end());
    script
}

/// Status reading, 02h least significant bit first.
fn status(ready: bool) -> Vec<Transaction<u8>> {
    let answer = if ready { 0x80 } else { 0x00 };
    spi(&[Transaction::write(0x40), Transaction::read(answer)])
}

/// Data reading, 03h, of a buffer of this size.
fn data(frame: &[u8], room: usize) -> Vec<Transaction<u8>> {
    let mut bytes = turned(frame);
    bytes.resize(room, 0xff);
    spi(&[Transaction::write(0xc0), Transaction::read_vec(bytes)])
}

/// A command that is answered at the second look at the status.
fn on_spi((command, answer): &Exchange, room: usize) -> Vec<Transaction<u8>> {
    [
        // Data writing, 01h.
        spi(&[
            Transaction::write(0x80),
            Transaction::write_vec(turned(command)),
        ]),
        status(true),
        data(&answer[..6], 6),
        status(false),
        status(true),
        data(&answer[6..], room),
    ]
    .concat()
}

#[test]
fn on_spi_bits_are_turned_and_the_status_is_asked_before_anything_is_read() {
    let wake = spi(&[
        Transaction::delay(2_000_000),
        Transaction::write(0x40),
        Transaction::read(0x00),
    ]);
    let mut script = wake;
    for exchange in &set_up()[1..] {
        script.extend(on_spi(exchange, 16));
    }
    script.extend(on_spi(&list(&NTAG), 64));
    script.extend(on_spi(&field_off(), 16));
    let mut bus = SpiMock::new(&script);
    let mut reader = Pn532::new(Spi::new(bus.clone()), NoResetPin, NoopDelay);
    let uid = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80];
    assert_eq!(block_on(reader.poll()), Ok(one(&uid, true)));
    bus.done();
}
