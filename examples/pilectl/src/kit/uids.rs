//! The UIDs of a kit's chips: from a list, or drawn.

use std::path::Path;

use crate::answer::{self, Refusal};

/// A chip's UID: NTAG 424 DNA and `DESFire` chips have seven bytes (AN12196 section 2).
pub(super) type ChipUid = [u8; 7];

/// Reads `04 78 2E 21 80 1D 80`, with spaces, colons, hyphens or nothing between the bytes.
pub(super) fn parse(text: &str) -> Option<ChipUid> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b' ' | b':' | b'-' | b'\t'))
        .map(|byte| {
            char::from(byte)
                .to_digit(16)
                .and_then(|digit| u8::try_from(digit).ok())
        })
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    (digits.len() == 14).then(|| bytes.try_into().ok())?
}

/// Reads a list of exactly `wanted` UIDs, one a line; `#` begins a comment.
pub(super) fn read(path: &Path, wanted: usize) -> Result<Vec<ChipUid>, Refusal> {
    let file = path.display();
    let bytes = answer::read(path)?;
    let text = String::from_utf8(bytes).map_err(|_| {
        Refusal::new(
            format!("{file}: is not text"),
            "write one UID a line, in hexadecimal",
        )
    })?;
    let mut uids: Vec<ChipUid> = Vec::new();
    for (line, number) in text.lines().zip(1_usize..) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        let uid = parse(line).ok_or_else(|| {
            Refusal::new(
                format!("{file}:{number}: not the UID of an NTAG 424 DNA"),
                "write its seven bytes in hexadecimal, such as 04 78 2E 21 80 1D 80",
            )
        })?;
        if let Some(first) = uids.iter().position(|known| *known == uid) {
            return Err(Refusal::new(
                format!(
                    "{file}:{number}: the same UID as the list's number {}",
                    first + 1
                ),
                "give each card one line",
            ));
        }
        uids.push(uid);
    }
    if uids.len() == wanted {
        Ok(uids)
    } else {
        Err(Refusal::new(
            format!(
                "{file}: has {} UIDs, and the kit {wanted} cards",
                uids.len()
            ),
            "list one UID for the landlord's card and one for each charging card, in that order",
        ))
    }
}

/// Makes `wanted` UIDs of `random` bytes, as a virtual NXP chip has them: the manufacturer's 04h
/// first (ISO/IEC 7816-6), and no cascade tag where the second level begins.
pub(super) fn draw(
    wanted: usize,
    mut random: impl FnMut() -> Result<ChipUid, Refusal>,
) -> Result<Vec<ChipUid>, Refusal> {
    let mut uids: Vec<ChipUid> = Vec::new();
    while uids.len() < wanted {
        let mut uid = random()?;
        uid[0] = 0x04;
        if uid[3] != 0x88 && !uids.contains(&uid) {
            uids.push(uid);
        }
    }
    Ok(uids)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uid_is_read_as_apps_and_datasheets_write_it() {
        let uid = [0x04, 0x78, 0x2e, 0x21, 0x80, 0x1d, 0x80];
        for text in [
            "04782E21801D80",
            "04:78:2e:21:80:1d:80",
            "04 78-2E 21 80 1D 80",
        ] {
            assert_eq!(parse(text), Some(uid), "{text}");
        }
        for text in [
            "",
            "04",
            "04782E21801D8",
            "04782E21801D8000",
            "04782E21801DXX",
            "é4782E21801D80",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn drawn_uids_differ_and_look_like_a_chips() {
        let drafts = [
            [1, 2, 3, 0x88, 5, 6, 7],
            [1, 2, 3, 4, 5, 6, 7],
            [9, 2, 3, 4, 5, 6, 7],
            [0; 7],
        ];
        let mut drafts = drafts.into_iter();
        let uids = draw(2, || Ok(drafts.next().unwrap())).unwrap();
        assert_eq!(uids, [[4, 2, 3, 4, 5, 6, 7], [4, 0, 0, 0, 0, 0, 0]]);
    }
}
