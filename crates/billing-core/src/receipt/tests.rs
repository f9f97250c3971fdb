//! Receipts as they are written.

extern crate std;
use super::*;
use core::iter::Copied;
use core::slice;
use pile_units::{ClockQuality, Money, UnixSeconds};
use proptest::prelude::*;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

pub(super) fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

pub(super) fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap())
        .collect()
}

pub(super) fn key() -> SoftwareKey {
    SoftwareKey::from_bytes(&[7; 32]).unwrap()
}

pub(super) fn at(unix: u32, quality: ClockQuality) -> WallTime {
    WallTime {
        unix: UnixSeconds::new(unix),
        quality,
    }
}

pub(super) fn reading(unix: u32, mwh: u64) -> Reading {
    Reading {
        at: at(unix, ClockQuality::Synchronised),
        register: Energy::from_milliwatt_hours(mwh),
        doubt: Doubt::default(),
    }
}

pub(super) type Data<'a> = ReceiptData<'a, Copied<slice::Iter<'a, Reading>>, &'a str>;

/// A session of 0.732 kWh, stopped by card, at 2018-07-24 in Berlin's summer.
pub(super) fn data() -> Data<'static> {
    ReceiptData {
        pile: PileId::new([0x0a, 0xff, 0, 0, 0, 0, 0, 1]),
        firmware: "0.1.0",
        page: 32,
        port: PortId::from_number(3).unwrap(),
        alias: CardAlias::new([0xde, 0xad, 0xbe, 0xef, 1, 2, 3, 4]),
        strength: Strength::UidOnly,
        session: SessionId::new(15),
        account: AccountId::new(7),
        utc_offset: "+02:00".parse().unwrap(),
        begin: reading(1_532_431_324, 259_600),
        changes: [].iter().copied(),
        end: reading(1_532_438_524, 991_600),
        ended: End::Local,
        tariff_text: "day 0.568 + 0.20 EUR/kWh",
        currency: "EUR".parse().unwrap(),
        bill: Bill {
            energy_fee: Money::from_micros(410_000),
            service_fee: Money::from_micros(150_000),
            total: Money::from_micros(560_000),
        },
        previous: None,
    }
}

pub(super) fn written(data: &Data<'_>) -> String {
    let mut record = String::new();
    write_receipt(data, &key(), &mut record).unwrap();
    record
}

/// RFC 6979, A.2.5: P-256 with SHA-256, message "sample".
#[test]
fn the_signer_makes_the_signature_of_rfc_6979() {
    let secret = unhex("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    let key = SoftwareKey::from_bytes(&secret.try_into().unwrap()).unwrap();
    let signature = key.sign_digest(&Sha256::digest(b"sample").into()).unwrap();
    let expected = unhex(concat!(
        "3046",
        "022100EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716",
        "022100F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    ));
    assert_eq!(signature.as_der(), expected);
    let public = key.public_key().to_spki_der();
    assert_eq!(
        public[27..],
        unhex(concat!(
            "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
            "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
        ))
    );
}

#[test]
fn the_payload_of_a_session_is_these_bytes() {
    let record = written(&data());
    let expected = concat!(
        r#"{"FV":"1.0","GI":"openpile","GS":"0aff000000000001","GV":"0.1.0","PG":"T32","#,
        r#""MV":"openpile","MM":"port","MS":"0aff000000000001-3","#,
        r#""IS":true,"IL":"HEARSAY","#,
        r#""IF":["RFID_PLAIN","OCPP_NONE","ISO15118_NONE","PLMN_NONE"],"#,
        r#""IT":"LOCAL","ID":"deadbeef01020304","TT":"day 0.568 + 0.20 EUR/kWh","RD":["#,
        r#"{"TM":"2018-07-24T13:22:04,000+0200 S","TX":"B","RV":0.259600,"RI":"1-b:1.8.0","#,
        r#""RU":"kWh","EF":"","ST":"G"},"#,
        r#"{"TM":"2018-07-24T15:22:04,000+0200 S","TX":"L","RV":0.991600,"RI":"1-b:1.8.0","#,
        r#""RU":"kWh","EF":"","ST":"G"}],"#,
        r#""U":"15","V":"7","W":"0.41 EUR","X":"0.15 EUR","Y":"0.56 EUR"}"#,
    );
    assert_eq!(record.split('|').nth(1), Some(expected));
    assert!(record.ends_with("\"}"));
    assert_eq!(
        verify(&record, &key().public_key()).unwrap().payload(),
        expected
    );
}

#[test]
fn equal_sessions_make_equal_records() {
    assert_eq!(written(&data()), written(&data()));
}

#[test]
fn a_card_that_proved_a_key_is_secure_and_one_that_did_not_is_hearsay() {
    let level = |strength| {
        let record = written(&ReceiptData { strength, ..data() });
        let view = verify(&record, &key().public_key()).unwrap();
        (
            view.get("IL").unwrap().to_string(),
            view.get("IF").unwrap().to_string(),
        )
    };
    let (il, flags) = level(Strength::UidOnly);
    assert_eq!(il, "\"HEARSAY\"");
    assert!(flags.contains("RFID_PLAIN"));
    let (il, flags) = level(Strength::MutualAes);
    assert_eq!(il, "\"SECURE\"");
    assert!(flags.contains("RFID_PSK"));
}

#[test]
fn every_end_has_its_letter_on_the_stop_reading_alone() {
    for (ended, letter) in [
        (End::Normal, 'E'),
        (End::Local, 'L'),
        (End::Remote, 'R'),
        (End::Aborted, 'A'),
        (End::PowerLost, 'P'),
    ] {
        let record = written(&ReceiptData { ended, ..data() });
        assert_eq!(record.matches("\"TX\":").count(), 2);
        assert!(record.contains("\"TX\":\"B\""));
        assert!(record.contains(&format!("\"TX\":\"{letter}\"")));
    }
}

#[test]
fn a_change_of_price_is_a_reading_between_one_start_and_one_stop() {
    let changes = [reading(1_532_434_924, 500_000)];
    let record = written(&ReceiptData {
        changes: changes.iter().copied(),
        ..data()
    });
    let letters: Vec<_> = record
        .split("\"TX\":\"")
        .skip(1)
        .map(|rest| &rest[..1])
        .collect();
    assert_eq!(letters, ["B", "T", "L"]);
    assert_eq!(record.matches("\"RI\":\"1-b:1.8.0\"").count(), 3);
}

#[test]
fn doubts_are_flagged_on_their_reading() {
    let mut data = data();
    data.begin.doubt.time = true;
    data.end.doubt = Doubt {
        energy: true,
        time: true,
    };
    let record = written(&data);
    let flags: Vec<_> = record
        .split("\"EF\":\"")
        .skip(1)
        .map(|rest| &rest[..3])
        .collect();
    assert_eq!(flags, ["t\",", "Et\""]);
}

#[test]
fn a_clock_says_how_far_to_trust_it() {
    use ClockQuality::{Informative, Relative, Synchronised, Unknown};

    let letters = |begin, end| {
        let mut data = data();
        data.begin.at.quality = begin;
        data.end.at.quality = end;
        let record = written(&data);
        let letter = |rest: &str| rest.as_bytes()[29] as char;
        record
            .split("\"TM\":\"")
            .skip(1)
            .map(letter)
            .collect::<String>()
    };
    assert_eq!(letters(Unknown, Synchronised), "US");
    assert_eq!(letters(Informative, Informative), "II");
    assert_eq!(letters(Relative, Relative), "RR");
    // Verifiers refuse a start at `R` whose stop is not.
    assert_eq!(letters(Relative, Synchronised), "US");
}

#[test]
fn offsets_west_and_of_half_an_hour_are_written() {
    let time = |offset: &str| {
        let record = written(&ReceiptData {
            utc_offset: offset.parse().unwrap(),
            ..data()
        });
        between(&record, "\"TM\":\"", "\"").to_string()
    };
    assert_eq!(time("-03:30"), "2018-07-24T07:52:04,000-0330 S");
    assert_eq!(time("+05:45"), "2018-07-24T17:07:04,000+0545 S");
    assert_eq!(time("+00:00"), "2018-07-24T11:22:04,000+0000 S");
}

#[test]
fn texts_cannot_break_out_of_the_record() {
    let tariff_text = "\"},|\\ \n\u{e9}\u{1f50b}";
    let record = written(&ReceiptData {
        tariff_text,
        ..data()
    });
    assert!(record.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    assert_eq!(record.matches('|').count(), 2);
    let view = verify(&record, &key().public_key()).unwrap();
    assert_eq!(
        view.get("TT"),
        Some(r#""\"},\u007c\\ \u000a\u00e9\ud83d\udd0b""#)
    );
}

#[test]
fn texts_up_to_their_limit_are_written_and_past_it_refused() {
    let write = |firmware: &str, tariff_text: &str| {
        let mut record = String::new();
        write_receipt(
            &ReceiptData {
                firmware,
                tariff_text,
                ..data()
            },
            &key(),
            &mut record,
        )
    };
    let long = "x".repeat(250);
    assert!(write(&long[..32], &long).is_ok());
    assert_eq!(write(&long[..33], ""), Err(WriteError::FirmwareTooLong));
    assert_eq!(
        write("", &format!("{long}x")),
        Err(WriteError::TariffTextTooLong)
    );
    // Two units of UTF-16 count twice.
    assert_eq!(
        write("", &"\u{1f50b}".repeat(126)),
        Err(WriteError::TariffTextTooLong)
    );
}

#[test]
fn what_makes_no_receipt_is_refused_and_writes_nothing() {
    let refused = |data: &Data<'_>| {
        let mut record = String::new();
        let error = write_receipt(data, &key(), &mut record).unwrap_err();
        assert_eq!(record, "");
        error
    };
    assert_eq!(
        refused(&ReceiptData { page: 0, ..data() }),
        WriteError::NoPage
    );
    let end = reading(1_532_438_524, 259_599);
    assert_eq!(
        refused(&ReceiptData { end, ..data() }),
        WriteError::RegisterGoesBack
    );
    let changes = [reading(1_532_434_924, 991_601)];
    assert_eq!(
        refused(&ReceiptData {
            changes: changes.iter().copied(),
            ..data()
        }),
        WriteError::RegisterGoesBack
    );
}

#[test]
fn a_signer_that_fails_leaves_the_writer_untouched() {
    struct Broken;
    impl ReceiptSigner for Broken {
        type Error = u8;
        fn sign_digest(&self, _: &[u8; 32]) -> Result<Signature, u8> {
            Err(42)
        }
    }
    let mut record = String::new();
    assert_eq!(
        write_receipt(&data(), &Broken, &mut record),
        Err(WriteError::Signer(42))
    );
    assert_eq!(record, "");
}

#[test]
fn a_writer_that_is_full_is_an_error() {
    struct Full;
    impl Write for Full {
        fn write_str(&mut self, _: &str) -> core::fmt::Result {
            Err(core::fmt::Error)
        }
    }
    assert_eq!(
        write_receipt(&data(), &key(), &mut Full),
        Err(WriteError::Writer(core::fmt::Error))
    );
}

#[test]
fn a_receipt_carries_the_hash_of_the_one_before_it() {
    let mut first = String::new();
    let hash = write_receipt(&data(), &key(), &mut first).unwrap();
    assert_eq!(hash, ReceiptHash::of(&first));
    let second = written(&ReceiptData {
        page: 33,
        previous: Some(hash),
        ..data()
    });
    let view = verify(&second, &key().public_key()).unwrap();
    assert_eq!(view.get("Z"), Some(format!("\"{hash}\"").as_str()));
    assert_eq!(verify(&first, &key().public_key()).unwrap().get("Z"), None);
}

#[test]
fn the_longest_record_fits_its_bound() {
    let farthest = Reading {
        at: at(u32::MAX, ClockQuality::Synchronised),
        register: Energy::MAX,
        doubt: Doubt {
            energy: true,
            time: true,
        },
    };
    let escaped = "\u{e9}".repeat(MAX_TARIFF_TEXT);
    let firmware = "\u{e9}".repeat(MAX_FIRMWARE);
    for count in [0, 1, 24] {
        let changes = std::vec![farthest; count];
        let data = ReceiptData {
            firmware: firmware.as_str(),
            page: u32::MAX,
            port: PortId::from_number(16).unwrap(),
            strength: Strength::MutualAes,
            session: SessionId::new(u32::MAX),
            account: AccountId::new(u16::MAX),
            begin: farthest,
            changes: changes.iter().copied(),
            end: farthest,
            tariff_text: escaped.as_str(),
            currency: "KWD".parse().unwrap(),
            bill: Bill {
                energy_fee: Money::MAX,
                service_fee: Money::MAX,
                total: Money::MAX,
            },
            previous: Some(ReceiptHash::new([0xff; 32])),
            ..data()
        };
        // A signature may be up to two bytes longer than this key's over this text.
        let longest = written(&data).len() + 4;
        assert!(longest <= max_len(count), "{longest} > {}", max_len(count));
        assert!(
            longest + 40 > max_len(count) - count * 16,
            "{longest}: the bound is loose"
        );
    }
}

/// OCMF 1.0, `SE`: other makers may write base64.
/// An ATECC608: the digest is loaded, then signed; the answer is the two numbers as they are.
#[test]
fn a_secure_element_signs_as_a_key_in_memory_does() {
    use core::cell::Cell;
    use p256::ecdsa::signature::hazmat::PrehashSigner;

    struct Element {
        loaded: Cell<Option<[u8; 32]>>,
    }
    impl ReceiptSigner for Element {
        type Error = InvalidKey;
        fn sign_digest(&self, digest: &[u8; 32]) -> Result<Signature, InvalidKey> {
            self.loaded.set(Some(*digest));
            let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
            let signature: p256::ecdsa::Signature =
                key.sign_prehash(&self.loaded.take().unwrap()).unwrap();
            let bytes = <[u8; 64]>::try_from(signature.to_bytes().as_slice()).unwrap();
            Signature::from_fixed(&bytes).ok_or(InvalidKey)
        }
    }
    let mut record = String::new();
    let element = Element {
        loaded: Cell::new(None),
    };
    write_receipt(&data(), &element, &mut record).unwrap();
    assert_eq!(record, written(&data()));
    assert!(Signature::from_fixed(&[0; 64]).is_none());
    assert!(Signature::from_fixed(&[0xff; 64]).is_none());
}

#[test]
fn i8_a_point_in_the_compact_form_is_no_key() {
    let mut point = key().public_key().to_compressed();
    assert!(PublicKey::from_compressed(&point).is_ok());
    for tag in (0..=u8::MAX).filter(|tag| !matches!(tag, 2 | 3)) {
        point[0] = tag;
        assert_eq!(PublicKey::from_compressed(&point), Err(InvalidKey), "{tag}");
    }
}

#[test]
fn a_record_with_a_signature_made_elsewhere_is_the_record_that_its_signer_writes() {
    let digest = receipt_digest(&data()).unwrap();
    let signature = key().sign_digest(&digest).unwrap();
    let mut record = String::new();
    let hash = write_signed(&data(), &signature, &mut record).unwrap();
    assert_eq!(record, written(&data()));
    assert_eq!(hash, ReceiptHash::of(&record));
    // On its way as two numbers, and the key as a compressed point.
    let sent = Signature::from_fixed(&signature.to_fixed()).unwrap();
    assert_eq!(sent.as_der(), signature.as_der());
    let pinned = PublicKey::from_compressed(&key().public_key().to_compressed()).unwrap();
    assert!(verify(&record, &pinned).is_ok());
    // Of other figures it is no signature.
    let mut other = data();
    other.end.register = other
        .end
        .register
        .saturating_add(Energy::from_milliwatt_hours(1));
    let mut forged = String::new();
    write_signed(&other, &signature, &mut forged).unwrap();
    assert_eq!(verify(&forged, &pinned), Err(VerifyError::Forged));
}

#[test]
fn nothing_of_the_private_key_is_shown() {
    assert_eq!(format!("{:?}", key()), "SoftwareKey(..)");
}

proptest! {
    #[test]
    fn any_session_makes_a_record_that_verifies(
        begin in 0u64..1_000_000_000_000, drawn in 0u64..30_000_000, unix in any::<u32>(),
        page in 1u32.., offset in -840i16..=840, tariff_text in "\\PC{0,80}",
    ) {
        let data = ReceiptData {
            page,
            utc_offset: UtcOffset::from_minutes(offset).unwrap(),
            begin: reading(unix, begin),
            end: reading(unix.saturating_add(3600), begin + drawn),
            tariff_text: tariff_text.as_str(),
            ..data()
        };
        let record = written(&data);
        let view = verify(&record, &key().public_key()).unwrap();
        prop_assert!(view.payload().is_ascii());
        let page = format!("\"T{page}\"");
        prop_assert_eq!(view.get("PG"), Some(page.as_str()));
    }
}
