//! The crate `ntag424` (Jannik Schürg), which nobody here wrote, against the virtual tag and against
//! cards that our code personalised: the model and the reader are not one opinion.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the helpers of a test, too, end it at once"
)]

use card_auth::personalise::{self, Plan};
use card_auth::{ANSWER_BYTES, ApduChannel, Family, KeySlot, SiteKey, Uid};
use embassy_futures::block_on;
use ntag424::key_diversification::diversify_aes128;
use ntag424::sdm::Verifier;
use ntag424::types::file_settings::CryptoMode;
use ntag424::types::{File, KeyNumber, NonMasterKeyNumber};
use ntag424::{AuthenticatedSession, Response, Session, Transport};
use pile_sim::cards::{Ntag424, TagChannel, Taken};

const UID: [u8; 7] = [0x04, 0x95, 0x8c, 0xaa, 0x5c, 0x5e, 0x80];

/// The peer's idea of a channel, over ours.
struct Wire<'a>(TagChannel<&'a mut Ntag424>);

impl Transport for Wire<'_> {
    type Error = Taken;
    type Data = Vec<u8>;

    async fn transmit(&mut self, apdu: &[u8]) -> Result<Response<Vec<u8>>, Taken> {
        let mut answer = [0; ANSWER_BYTES];
        let length = self.0.exchange(apdu, &mut answer).await?;
        let (data, status) = answer[..length].split_last_chunk::<2>().unwrap();
        Ok(Response {
            data: data.to_vec(),
            sw1: status[0],
            sw2: status[1],
        })
    }

    async fn get_uid(&mut self) -> Result<Vec<u8>, Taken> {
        Ok(UID.to_vec())
    }
}

fn site() -> SiteKey {
    SiteKey::new(*b"the site's key..")
}

fn ours() -> Ntag424 {
    let mut tag = Ntag424::new(UID);
    let uid = Uid::from_bytes(&UID).unwrap();
    let plan = Plan::ntag424(&site(), &uid, "pile.example/c").unwrap();
    let mut drawn = 0_u8;
    let draw = || {
        drawn += 1;
        [drawn; 16]
    };
    block_on(personalise::run(
        &mut TagChannel::new(&mut tag),
        &plan,
        draw,
    ))
    .unwrap();
    tag
}

#[test]
fn ntag424_crate_authenticates_reads_and_changes_keys_on_the_virtual_tag() {
    let mut tag = Ntag424::new(UID);
    let mut wire = Wire(TagChannel::new(&mut tag));
    let new = [0x3c; 16];
    block_on(async {
        let session = Session::new()
            .authenticate_aes(&mut wire, KeyNumber::Key0, &[0; 16], [0x11; 16])
            .await
            .unwrap();
        let (uid, session) = session.get_uid(&mut wire).await.unwrap();
        assert_eq!(uid, UID);
        let session = session
            .change_key(&mut wire, NonMasterKeyNumber::Key2, &new, 5, &[0; 16])
            .await
            .unwrap();
        let (version, session) = session
            .get_key_version(&mut wire, KeyNumber::Key2)
            .await
            .unwrap();
        assert_eq!(version, 5);
        let session = session
            .write_file(&mut wire, File::Ndef, 0, b"written by a peer")
            .await
            .unwrap();
        session.change_master_key(&mut wire, &new, 6).await.unwrap();
        for key in [KeyNumber::Key0, KeyNumber::Key2] {
            let session = Session::new()
                .authenticate_aes(&mut wire, key, &new, [0x22; 16])
                .await
                .unwrap();
            assert_eq!(session.get_uid(&mut wire).await.unwrap().0, UID);
        }
        let refused = Session::new()
            .authenticate_aes(&mut wire, KeyNumber::Key0, &[0; 16], [0x33; 16])
            .await;
        assert!(refused.is_err(), "the factory's key is gone");
    });
    drop(wire);
    assert_eq!(tag.failures(0), (1, 1));
    assert!(tag.tap().starts_with(b"written by a peer"));
}

#[test]
fn ntag424_crate_makes_the_same_keys_and_opens_a_card_of_ours_with_them() {
    let mut tag = ours();
    let mut input = UID.to_vec();
    input.extend([0x85, 0x01, 0x01]);
    input.extend(b"openpile\x01P");
    let key = diversify_aes128(site().expose(), &input);
    let uid = Uid::from_bytes(&UID).unwrap();
    let pile = site().card_key(Family::Ntag424, KeySlot::Pile, &uid);
    assert_eq!(key, *pile.expose());
    let mut wire = Wire(TagChannel::new(&mut tag));
    block_on(async {
        let session = Session::new()
            .authenticate_aes(&mut wire, KeyNumber::Key1, &key, [0x11; 16])
            .await
            .unwrap();
        let (uid, _) = session.get_uid(&mut wire).await.unwrap();
        assert_eq!(uid, UID);
    });
}

#[test]
fn ntag424_crate_understands_the_settings_and_verifies_the_taps_of_a_card_of_ours() {
    let mut tag = ours();
    let settings = block_on(async {
        let mut wire = Wire(TagChannel::new(&mut tag));
        let mut session = Session::new();
        session
            .get_file_settings(&mut wire, File::Ndef)
            .await
            .unwrap()
    });
    let verifier = Verifier::try_new(&settings.sdm.unwrap(), CryptoMode::Aes).unwrap();
    let mut input = [0x85, 0x01, 0x01].to_vec();
    input.extend(b"openpile\x01U");
    let meta = diversify_aes128(site().expose(), &input);
    let mut input = UID.to_vec();
    input.extend([0x85, 0x01, 0x01]);
    input.extend(b"openpile\x01S");
    let mac = diversify_aes128(site().expose(), &input);
    for count in 1..4 {
        let tap = tag.tap();
        let read = verifier.verify_with_meta_key(&tap, &mac, &meta).unwrap();
        assert_eq!((read.uid, read.read_ctr), (Some(UID), Some(count)));
    }
    let mut altered = tag.tap();
    altered[40] ^= 1;
    assert!(
        verifier
            .verify_with_meta_key(&altered, &mac, &meta)
            .is_err()
    );
}
