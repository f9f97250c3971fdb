//! The published vectors of secure dynamic messaging, and what is no message.

use std::format;

use proptest::prelude::*;

use super::{NotGenuine, PiccData, ReplayGuard, Replayed, SunCounter, SunMessage, sun_mac};
use crate::crypto::cbc_encrypt;
use crate::vectors::{block, hex, text, vectors};
use crate::{CardKey, SiteKey, Uid};

/// A vector of the file, and its decrypted UID and counter, checked.
fn opened(index: usize) -> (serde_json::Value, PiccData) {
    let vector = vectors()["sdm_zero_keys"][index].clone();
    let sealed = block(&text(&vector, "picc_enc"));
    let picc = PiccData::open(&CardKey::FACTORY, sealed).unwrap();
    let uid = Uid::from_bytes(&hex(&text(&vector, "uid"))).unwrap();
    assert_eq!(picc.uid, uid);
    assert_eq!(
        Some(u64::from(picc.counter.get())),
        vector["counter"].as_u64()
    );
    (vector, picc)
}

#[test]
fn an12196_tables_1_2_and_4_sdm_with_a_mac_over_nothing_comes_out() {
    let (vector, picc) = opened(0);
    let key = picc.mac_key(&CardKey::FACTORY);
    assert_eq!(*key.expose(), block(&text(&vector, "session_mac_key")));
    let mac = hex(&text(&vector, "mac_over_empty"));
    assert_eq!(sun_mac(&key, &[]).to_vec(), mac);
}

#[test]
fn an12196_tables_3_and_5_sdm_with_encrypted_file_data_comes_out() {
    let (vector, picc) = opened(1);
    let key = picc.file_key(&CardKey::FACTORY);
    assert_eq!(*key.expose(), block(&text(&vector, "session_enc_key")));
    let mut data = hex(&text(&vector, "file_enc"));
    picc.decrypt_file(&CardKey::FACTORY, &mut data);
    assert_eq!(data, text(&vector, "file_plain_ascii").into_bytes());
    let key = picc.mac_key(&CardKey::FACTORY);
    let mac = sun_mac(&key, text(&vector, "mac_input_ascii").as_bytes());
    assert_eq!(mac.to_vec(), hex(&text(&vector, "mac8")));
}

#[test]
fn counter_that_was_seen_or_is_older_is_refused() {
    let counter = |value| SunCounter::new(value).unwrap();
    let mut guard = ReplayGuard::after(counter(7));
    assert_eq!(guard.accept(counter(7)), Err(Replayed));
    assert_eq!(guard.accept(counter(9)), Ok(()));
    assert_eq!(guard.accept(counter(8)), Err(Replayed), "older");
    assert_eq!(guard.last(), Some(counter(9)));
}

/// Key 2 is on every card of the site: who has it can write who it is, and sign nothing.
#[test]
fn address_that_names_a_card_of_the_site_and_is_not_signed_by_it_is_not_genuine() {
    let site = SiteKey::new([7; 16]);
    // PICCDataTag (NT4H2421Gx clause 9.3.4): UID and counter; seven bytes of UID, three of counter.
    let mut picc = [0xc7, 4, 1, 2, 3, 4, 5, 6, 9, 0, 0, 0, 0, 0, 0, 0];
    cbc_encrypt(site.sdm_meta_key().expose(), [0; 16], &mut picc);
    let digits = format!("{:032X}", u128::from_be_bytes(picc));
    let address = format!("https://pile.example/c?p={digits}&c=0123456789ABCDEF");
    let message = SunMessage::parse(address.as_bytes()).unwrap();
    assert!(PiccData::open(&site.sdm_meta_key(), message.picc).is_some());
    assert_eq!(message.verify(&site), Err(NotGenuine));
}

proptest! {
    #[test]
    fn i8_total_whatever_looks_like_an_address_is_not_genuine(
        address in "(https://)?.{0,12}[?&]p=[0-9A-Fa-fg]{31,33}&c=[0-9A-Fa-fg]{15,17}",
    ) {
        if let Ok(message) = SunMessage::parse(address.as_bytes()) {
            prop_assert_eq!(message.verify(&SiteKey::new([7; 16])), Err(NotGenuine));
        }
    }

    #[test]
    fn i8_total_any_bytes_are_a_message_or_none(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
        let _ = SunMessage::parse(&bytes);
    }
}
