//! How a code is printed: Crockford's base 32, most significant bit first, and its check sum.

/// Digits and capitals without I, L, O and U.
pub(crate) const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// Characters that stand together where a code is printed to be typed, from the first behind the colon
/// on.
pub(crate) const GROUP: usize = 4;
/// Bytes of the check sum.
pub(crate) const CHECK: usize = 3;

/// Why characters are no bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// A character that no code has.
    Symbol {
        /// How many stand before it.
        at: usize,
    },
    /// More than the longest code has.
    Length,
}

/// CRC-24/OPENPGP (RFC 4880 section 6.1) of what says the kind of code, and of its bytes; most
/// significant byte first.
pub(crate) fn check_sum(kind: &[u8], body: impl Iterator<Item = u8>) -> [u8; CHECK] {
    const CRC: crc::Crc<u32> = crc::Crc::<u32>::new(&crc::CRC_24_OPENPGP);
    let mut digest = CRC.digest();
    digest.update(kind);
    body.for_each(|byte| digest.update(&[byte]));
    let [_, high, middle, low] = digest.finalize().to_be_bytes();
    [high, middle, low]
}

/// Writes the prefix and the symbols of the bytes to the start of `buffer`; the last symbol is filled
/// up with zero bits.
pub(crate) fn write_symbols<'a>(prefix: &[u8], bytes: &[u8], buffer: &'a mut [u8]) -> &'a str {
    let symbols = (bytes.len() * 8).div_ceil(5);
    let symbol = |at: usize| {
        let value = (at * 5..at * 5 + 5).fold(0, |value, bit| value << 1 | bit_of(bytes, bit));
        let symbol = ALPHABET.get(usize::from(value)).copied();
        symbol.unwrap_or_default()
    };
    let characters = prefix.iter().copied().chain((0..symbols).map(symbol));
    let mut written = 0;
    for (to, from) in buffer.iter_mut().zip(characters) {
        *to = from;
        written += 1;
    }
    // ASCII by construction.
    core::str::from_utf8(buffer.get(..written).unwrap_or_default()).unwrap_or_default()
}

/// The characters of a code as a camera or a person gives it: capitals, without what parts them.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = u8> + '_ {
    text.bytes()
        .filter(|byte| !matches!(byte, b' ' | b'-' | b'\n' | b'\r' | b'\t'))
        .map(|byte| byte.to_ascii_uppercase())
}

/// Reads symbols into `bytes`, which are zero, and says how many there were.
pub(crate) fn read_symbols(
    characters: impl Iterator<Item = u8>,
    bytes: &mut [u8],
) -> Result<usize, Unreadable> {
    let filling = (bytes.len() * 8).next_multiple_of(5);
    let mut symbols = 0;
    for (at, character) in characters.enumerate() {
        let value = value_of(character).ok_or(Unreadable::Symbol { at })?;
        for bit in 0..5 {
            let place = at * 5 + bit;
            let set = value >> (4 - bit) & 1;
            match bytes.get_mut(place / 8) {
                Some(byte) => *byte |= set << (7 - place % 8),
                // Filling bits of the longest code.
                None if set == 0 && place < filling => {}
                None => return Err(Unreadable::Length),
            }
        }
        symbols = at + 1;
    }
    Ok(symbols)
}

fn bit_of(bytes: &[u8], at: usize) -> u8 {
    let byte = bytes.get(at / 8).copied().unwrap_or_default();
    byte >> (7 - at % 8) & 1
}

fn value_of(character: u8) -> Option<u8> {
    let character = match character {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    let at = ALPHABET.iter().position(|symbol| *symbol == character)?;
    u8::try_from(at).ok()
}
