//! Whether a card is what a pile and a phone expect of it.

use card_auth::sdm::{ReplayGuard, SunMessage};
use card_auth::{ANSWER_BYTES, ApduChannel, NotProven, authenticate};

use super::make::Draws;
use super::site::{KitCard, Site};

/// Selects the NDEF application, then its file, then reads it: NFC Forum Type 4 Tag, clause 5.
const READ: [&[u8]; 3] = [
    &[
        0x00, 0xa4, 0x04, 0x00, 0x07, 0xd2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01, 0x00,
    ],
    &[0x00, 0xa4, 0x00, 0x0c, 0x02, 0xe1, 0x04],
    &[0x00, 0xb0, 0x00, 0x00, 0x00],
];

/// Why a card is not as it should be.
pub(super) enum Disproven<E> {
    /// It does not open as at a pile, or went away.
    Pile(NotProven<E>),
    /// What a phone reads on it is not what the card should say.
    Phone(&'static str),
}

impl<E> From<NotProven<E>> for Disproven<E> {
    fn from(error: NotProven<E>) -> Self {
        Self::Pile(error)
    }
}

/// Lets the card show itself at a pile, then to a phone, twice. What was proven, to print.
///
/// # Errors
/// [`Disproven`].
pub(super) async fn prove<C: ApduChannel>(
    channel: &mut C,
    kit: &Site,
    card: &KitCard,
    draws: &mut Draws,
) -> Result<String, Disproven<C::Error>> {
    let site = kit.key();
    let proof = authenticate(channel, &card.uid(), &site, draws.draw()).await?;
    let mut guard = ReplayGuard::new();
    let mut counts = [0; 2];
    for count in &mut counts {
        let ndef = read(channel).await?;
        let address = address(&ndef).ok_or(Disproven::Phone("it holds no address"))?;
        let message = SunMessage::parse(&address)
            .map_err(|_| Disproven::Phone("its address says nothing of the card"))?;
        let tap = message
            .verify(&site)
            .map_err(|_| Disproven::Phone("its address is not signed with this site's key"))?;
        if tap.uid != card.uid() {
            return Err(Disproven::Phone("its address names another card"));
        }
        guard
            .accept(tap.counter)
            .map_err(|_| Disproven::Phone("it signs the same address twice"))?;
        *count = tap.counter.get();
    }
    let [first, second] = counts;
    Ok(format!(
        "  at a pile   opened as {} by mutual AES; the UID inside is the card's\n  \
         at a phone  https://{}?p=...&c=... verified twice, counters {first} and {second};\n              \
         the first of the two, shown again, would be refused\n",
        match proof.family() {
            card_auth::Family::Ntag424 => "an NTAG 424 DNA",
            card_auth::Family::Desfire => "a DESFire",
        },
        kit.address
    ))
}

/// The NDEF file, as a phone reads it.
async fn read<C: ApduChannel>(channel: &mut C) -> Result<Vec<u8>, Disproven<C::Error>> {
    let mut answer = [0; ANSWER_BYTES];
    let mut data: &[u8] = &[];
    for command in READ {
        let length = channel.exchange(command, &mut answer).await;
        let length = length.map_err(NotProven::Gone)?;
        data = answer
            .get(..length)
            .and_then(|answer| answer.strip_suffix(&[0x90, 0x00]))
            .ok_or(Disproven::Phone("it does not let a phone read it"))?;
    }
    Ok(data.to_vec())
}

/// The address of one short URI record with the prefix `https://` (NFC Forum URI RTD 1.0).
fn address(file: &[u8]) -> Option<Vec<u8>> {
    let (length, rest) = file.split_first_chunk::<2>()?;
    let message = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    let [0xd1, 0x01, length, b'U', 0x04, text @ ..] = message else {
        return None;
    };
    (usize::from(*length) == text.len() + 1).then(|| [b"https://", text].concat())
}

#[cfg(test)]
mod tests {
    use super::address;

    #[test]
    fn an_address_is_read_from_one_whole_uri_record_and_nothing_else() {
        let good = [0, 7, 0xd1, 1, 3, b'U', 4, b'a', b'b', 0, 0];
        assert_eq!(address(&good).unwrap(), b"https://ab");
        for (at, byte) in [(0, 1), (1, 8), (2, 0xd0), (4, 2), (5, b'T'), (6, 3)] {
            let mut bad = good;
            bad[at] = byte;
            assert_eq!(address(&bad), None, "{at}");
        }
        assert_eq!(address(&[]), None);
        assert_eq!(address(&good[..8]), None);
    }
}
