//! The seeds of the fuzz targets, and what fuzzing found, played again.

#![allow(clippy::unwrap_used, reason = "a test's helper fails as a test does")]

use std::path::{Path, PathBuf};

use billing_core::book::testing::next_record;
use billing_core::journal::Identity;
use billing_core::ledger::Ledger;
use billing_core::statement::Period;
use ble_protocol::message::{ExportCursor, Request, UpTo};
use embassy_futures::block_on;
use pile_sim::flash::{VirtualNor, Words};
use pile_sim::fuzzing::deed_of;
use pile_units::{AccountId, CredentialId, Energy, PhoneId, PlanId, PortId, SessionId};
use proptest::prelude::*;

type Flash = VirtualNor<8, 2048>;

const PAGES: usize = 24;

fn seeds(target: &str) -> PathBuf {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    corpus.join(target)
}

fn play(target: &str, body: fn(&[u8])) -> usize {
    let files = std::fs::read_dir(seeds(target)).unwrap();
    files
        .map(|file| body(&std::fs::read(file.unwrap().path()).unwrap()))
        .count()
}

#[test]
fn i8_every_seed_of_ledger_image_keeps_the_promises() {
    assert!(play("ledger_image", pile_sim::fuzzing::ledger_image) >= 10);
}

#[test]
fn i3_every_seed_of_meter_bytes_keeps_the_promises() {
    assert!(play("meter_bytes", pile_sim::fuzzing::meter_bytes) >= 10);
}

#[test]
fn i8_every_seed_of_card_frames_keeps_the_promises() {
    assert!(play("card_frames", pile_sim::fuzzing::card_frames) >= 15);
}

#[test]
fn i8_every_seed_of_the_link_keeps_the_promises() {
    assert!(play("frame_stream", pile_sim::fuzzing::frame_stream) >= 4);
    assert!(play("pile_end", pile_sim::fuzzing::pile_end) >= 20);
    assert!(play("phone_end", pile_sim::fuzzing::phone_end) >= 8);
    assert!(play("conversation", pile_sim::fuzzing::conversation) >= 7);
}

/// True if the image of a seed, with its first byte, is mounted.
fn is_mounted(seed: &[u8]) -> bool {
    let mut image = vec![0xff; PAGES * 2048];
    for (cell, byte) in image.iter_mut().zip(seed.iter().skip(1)) {
        *cell = *byte;
    }
    block_on(Ledger::mount(Flash::from_image(&image, Words::Once))).is_ok()
}

#[test]
fn seeds_of_images_are_of_this_version() {
    let folder = seeds("ledger_image");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    for (name, mounts) in [
        ("image-of-a-snapshot-and-records", true),
        ("image-cut-in-a-record", true),
        ("image-of-version-2", false),
    ] {
        let seed = read(name);
        assert_eq!(seed.first(), Some(&0), "{name}");
        assert_eq!(is_mounted(&seed), mounts, "{name}");
    }
}

/// After a change of the format: `cargo test -p pile-sim --test fuzz_corpus -- --ignored`.
#[test]
#[ignore = "writes the seeds of images anew"]
fn seeds_of_images_are_written() {
    let flash = Flash::new(PAGES * 2048, Words::Once);
    let identity = Identity::new(*b"a fuzzed ledger.");
    let (mut ledger, mut book) = block_on(Ledger::format(flash.clone(), identity)).unwrap();
    let mut state = 1_u32;
    let mut dice = |sides: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % sides.max(1)
    };
    for _ in 0..110 {
        let record = next_record(&book, 4, &mut dice);
        block_on(ledger.append(&book, &record)).unwrap();
        book.apply(&record).unwrap();
        while ledger.wants_work(&book) {
            block_on(ledger.work(&book)).unwrap();
        }
    }
    let mut seed = vec![0];
    seed.extend(flash.image());
    let end = seed.iter().rposition(|byte| *byte != 0xff).unwrap();
    seed.truncate(end + 1);
    let folder = seeds("ledger_image");
    let write = |name: &str, seed: &[u8]| std::fs::write(folder.join(name), seed).unwrap();
    write("image-of-a-snapshot-and-records", &seed);
    write("image-cut-in-a-record", seed.get(..seed.len() - 9).unwrap());
    let changed = |at: usize, flip: u8| {
        let mut seed = seed.clone();
        *seed.get_mut(at).unwrap() ^= flip;
        seed
    };
    write("image-with-a-wrong-header", &changed(5, 1));
    write("image-with-one-bit-wrong", &changed(seed.len() / 2, 4));
}

/// After a change of the deeds or of the messages: as above.
#[test]
#[ignore = "writes the seeds of conversations anew"]
#[allow(clippy::too_many_lines, reason = "a list of seeds")]
fn seeds_of_conversations_are_written() {
    let port = PortId::from_number(2).unwrap();
    let account = AccountId::new(1);
    let start = deed_of(&Request::Start {
        port,
        up_to: UpTo::Energy(Energy::from_watt_hours(1)),
    });
    let stop = |number| {
        deed_of(&Request::Stop {
            session: SessionId::new(number),
        })
    };
    let (landlord, anna, anna_too, ben) = ([0, 1], [0, 2], [0, 3], [0, 4]);
    let bike = [9, 49];
    let minute = [7, 60];
    let settle = deed_of(&Request::Settle { account, number: 1 });
    let paid = deed_of(&Request::MarkPaid {
        settlement: 1,
        reference: "cash".parse().unwrap(),
    });
    let revoke = |number| {
        deed_of(&Request::RevokePhone {
            phone: PhoneId::new(number),
        })
    };
    talk(
        "start-and-stop",
        &[&anna, &bike, &start, &minute, &stop(3), &minute],
    );
    talk("start-up-to", &[&anna, &bike, &start, &[7, 250], &[7, 250]]);
    talk(
        "others-session",
        &[&anna, &bike, &start, &minute, &ben, &stop(3), &start],
    );
    talk(
        "revoked-while-charging",
        &[
            &anna,
            &bike,
            &start,
            &minute,
            &landlord,
            &revoke(2),
            &revoke(5),
            &minute,
            &anna,
            &anna_too,
            &start,
        ],
    );
    talk(
        "settle-and-pay",
        &[&landlord, &settle, &settle, &paid, &paid],
    );
    talk(
        "lost-and-replaced",
        &[
            &ben,
            &deed_of(&Request::ReportLost),
            &landlord,
            &deed_of(&Request::Replace {
                account: AccountId::new(2),
                card: CredentialId::new(3),
            }),
            &[8, 4],
            &minute,
        ],
    );
    let recover = deed_of(&Request::Recover);
    talk(
        "recovery",
        &[
            &[1, 0],
            &recover,
            &[8, 4],
            &minute,
            &landlord,
            &[1, 0],
            &[8, 4],
        ],
    );
    talk(
        "bind-by-tap",
        &[&[2, 1], &start, &minute, &[2, 0], &minute, &[0, 6], &start],
    );
    let asked = [
        Request::Ports { from: port },
        Request::TariffNow,
        Request::Sessions {
            account: None,
            before: None,
            count: 8,
        },
        Request::Receipt {
            session: SessionId::new(1),
            from: 0,
        },
        Request::Receipt {
            session: SessionId::new(2),
            from: 0,
        },
        Request::SignReceipt {
            session: SessionId::new(1),
        },
        Request::Statement {
            account: None,
            period: Period::Open,
            skip: 0,
        },
        Request::MyAccount,
        Request::Accounts {
            from: AccountId::new(0),
        },
        Request::Phones {
            from: PhoneId::new(0),
        },
        Request::Tariffs {
            from: PlanId::STANDARD,
        },
        Request::Limits,
        Request::Settlements { from: 0 },
        Request::Diagnostics,
        Request::ExportFrom {
            cursor: ExportCursor::START,
        },
    ];
    let asked: Vec<u8> = asked.iter().flat_map(deed_of).collect();
    talk("questions-of-a-tenant", &[&anna, &asked]);
    talk("questions-of-the-landlord", &[&landlord, &asked]);
    talk(
        "power-cut",
        &[
            &anna,
            &bike,
            &start,
            &[11, 0],
            &anna,
            &start,
            &[11, 0],
            &anna,
        ],
    );
    talk(
        "any-bytes",
        &[&anna, &[3, 3, 1, 2, 200], &[3, 0], &anna, &[3, 2, 9, 9]],
    );
}

fn talk(name: &str, deeds: &[&[u8]]) {
    let seed = [&[255], &deeds.concat()[..]].concat();
    std::fs::write(seeds("pile_end").join(format!("talk-{name}")), seed).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn i3_whatever_the_wires_of_a_meter_say_keeps_the_promises(
        driver in 0u8..12, data in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        pile_sim::fuzzing::meter_bytes(&[&[driver], &data[..]].concat());
    }

    #[test]
    fn i8_whatever_cards_and_chips_say_keeps_the_promises(
        kind in 0u8..4, data in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        pile_sim::fuzzing::card_frames(&[&[kind], &data[..]].concat());
    }

    #[test]
    fn i8_whatever_is_on_the_wire_to_a_phone_keeps_the_promises(
        data in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        pile_sim::fuzzing::frame_stream(&data);
        pile_sim::fuzzing::pile_end(&data);
        pile_sim::fuzzing::phone_end(&data);
        pile_sim::fuzzing::conversation(&data);
    }

    #[test]
    fn i8_whatever_phones_say_on_links_that_stand_keeps_the_promises(
        deeds in prop::collection::vec(
            prop_oneof![
                (0u8..12, any::<u8>(), prop::collection::vec(any::<u8>(), 0..6)),
                // Links and requests, whose fields are small numbers.
                (prop_oneof![Just(0u8), Just(1), Just(2)], 0u8..6, Just(vec![])),
                (Just(4u8), any::<u8>(), prop::collection::vec(0u8..46, 1..6)),
            ], 0..40),
    ) {
        let deeds = deeds.into_iter().flat_map(|(deed, number, bytes)| {
            [&[deed, number], &bytes[..]].concat()
        });
        let data: Vec<u8> = core::iter::once(255).chain(deeds).collect();
        pile_sim::fuzzing::pile_end(&data);
    }

    #[test]
    fn i8_few_changed_bytes_are_refused_or_mended(
        changes in prop::collection::vec((any::<u16>(), 1..=u8::MAX), 1..6),
    ) {
        let mut data = vec![1];
        for (place, flip) in changes {
            data.extend(place.to_le_bytes());
            data.push(flip);
        }
        pile_sim::fuzzing::ledger_image(&data);
    }

    #[test]
    fn i8_no_records_in_good_order_break_the_fold(
        payloads in prop::collection::vec(prop::collection::vec(0u8..24, 0..60), 0..20),
    ) {
        let mut data = vec![255];
        for payload in payloads {
            data.push(u8::try_from(payload.len()).unwrap());
            data.extend(payload);
        }
        pile_sim::fuzzing::ledger_image(&data);
    }
}
