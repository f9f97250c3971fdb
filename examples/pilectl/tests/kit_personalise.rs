//! Cards of a kit on virtual tags: personalised, interrupted, finished, and the list that does the same.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;

use std::time::Instant;

use card_auth::ev2::{CommMode, Start};
use card_auth::{CardCode, CardKey, Family, KeySlot, SiteKey, Uid};
use clap::Parser;
use common::Desk;
use pile_sim::cards::{Application, Ntag424};
use pilectl::answer::{Answer, Refusal};
use pilectl::cli::{self, Cli};

fn kit(cards: u16) -> Desk {
    let desk = Desk::new();
    desk.well(&format!("kit new --cards {cards} --out kit --house Garden"));
    desk
}

/// A value of the site file: the site key, or what a card has.
fn values(site: &str, key: &str) -> Vec<String> {
    site.lines()
        .filter_map(|line| line.strip_prefix(key)?.trim().strip_prefix("= \""))
        .map(|value| value.trim_end_matches('"').to_owned())
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect()
}

fn key_and_uid(desk: &Desk, card: usize) -> (SiteKey, [u8; 7]) {
    let site = desk.read("kit/site.toml");
    let key = bytes(&values(&site, "site_key")[0]);
    let uid = bytes(&values(&site, "uid")[card]);
    (
        SiteKey::new(key.try_into().unwrap()),
        uid.try_into().unwrap(),
    )
}

/// The tag has the keys that the site key makes of its UID, as the data sheet derives them.
#[track_caller]
fn assert_ours(desk: &Desk, card: usize) {
    let (site, uid) = key_and_uid(desk, card);
    let memory = std::fs::read(desk.path(&format!("kit/tags/card-{card:02}.tag"))).unwrap();
    let tag = Ntag424::from_memory(&memory).unwrap();
    for slot in KeySlot::ALL {
        let key = site.card_key(Family::Ntag424, slot, &Uid::from(uid));
        assert_eq!(
            tag.key(usize::from(slot.number())),
            Some((*key.expose(), 1))
        );
    }
    assert_eq!(tag.failures(0), (0, 0), "no key was tried in vain");
}

#[test]
fn a_card_is_personalised_proven_and_left_alone_the_second_time() {
    let desk = kit(3);
    let before = desk.read("kit/site.toml");
    let said = desk.well("kit personalise kit --card 3 --virtual");
    for what in [
        "9 steps were to do",
        "10 of 10  change key 0: done",
        "opened as an NTAG 424 DNA by mutual AES",
        "counters 1 and 2",
    ] {
        assert!(said.contains(what), "{what}: {said}");
    }
    assert_ours(&desk, 3);
    let said = desk.well("kit personalise kit --card 3 --virtual");
    assert!(said.contains("card 3 is personalised already"), "{said}");
    assert!(said.contains("counters 3 and 4"), "{said}");
    assert_eq!(
        desk.read("kit/site.toml"),
        before,
        "a trial changes no secret"
    );
    let said = desk.well("kit personalise kit --card 0 --virtual");
    assert!(said.contains("landlord's card is personalised"), "{said}");
}

/// The codes to type on a sheet, without prefix and gaps.
fn codes(sheet: &str) -> Vec<String> {
    let codes = sheet.split("<code>").skip(1);
    let code = |text: &str| {
        let text = text.split("</code>").next().unwrap();
        text.split_once(':').unwrap().1.replace(' ', "")
    };
    codes.map(code).collect()
}

#[test]
fn nothing_that_is_said_holds_a_secret_or_a_uid() {
    let desk = kit(2);
    let site = desk.read("kit/site.toml");
    let mut secrets = values(&site, "site_key");
    secrets.extend(values(&site, "uid"));
    secrets.extend(codes(&desk.read("kit/sheet.html")));
    assert_eq!(secrets.len(), 1 + 3 + 3 + 3);
    let said = [
        desk.well("kit personalise kit --card 1 --virtual"),
        desk.run("kit personalise kit --card 2 --virtual --take-away-after 9")
            .0,
        desk.well("kit show kit"),
        desk.well("kit sheet kit"),
    ]
    .concat()
    .to_uppercase();
    for secret in secrets {
        assert!(secret.len() >= 14, "{secret}");
        assert!(!said.contains(&secret));
    }
}

fn run(line: &[&str]) -> Result<Answer, Refusal> {
    cli::run(&Cli::try_parse_from(line).unwrap())
}

/// The sweep: the card is taken away after every command, before and after its answer.
#[test]
fn a_personalisation_cut_after_any_command_is_finished_by_the_next_run() {
    let desk = kit(1);
    let folder = desk.path("kit");
    let folder = folder.to_str().unwrap();
    let personalise = [
        "pilectl",
        "kit",
        "personalise",
        folder,
        "--card",
        "1",
        "--virtual",
    ];
    let (site, started) = (desk.read("kit/site.toml"), Instant::now());
    let tag = desk.path("kit/tags/card-01.tag");
    let mut cuts = 0;
    for after in 0_u32.. {
        let after = after.to_string();
        let mut whole = 0;
        for lost in [&[][..], &["--answer-lost"]] {
            let _ = std::fs::remove_file(&tag);
            let cut = [&personalise[..], &["--take-away-after", &after], lost].concat();
            match run(&cut) {
                Ok(answer) => whole += usize::from(answer.is_well()),
                Err(refusal) => {
                    cuts += 1;
                    let said = refusal.to_string();
                    assert!(said.contains("it was taken away"), "{after}: {said}");
                }
            }
            assert_eq!(desk.read("kit/site.toml"), site);
            let answer = run(&personalise).unwrap_or_else(|why| panic!("{after}: {why}"));
            assert!(answer.is_well());
            assert_ours(&desk, 1);
        }
        if whole == 2 {
            break;
        }
    }
    desk.well("kit sheet kit");
    assert!(cuts > 60, "{cuts}");
    println!(
        "personalisation cut {cuts} times, each finished by the next run, in {:.1} s",
        started.elapsed().as_secs_f32()
    );
}

#[test]
fn the_list_makes_the_same_card_without_our_personalisation() {
    let desk = kit(2);
    let (_, uid) = key_and_uid(&desk, 2);
    let mut tag = Ntag424::new(uid);
    tag.power_up();
    // As the head of the list says.
    let select = "00A4040007D276000085010100";
    assert!(desk.read("kit/apdus/card-02.txt").contains(select));
    assert_eq!(tag.command(&bytes(select)), [0x90, 0x00]);
    let start = Start::new(0, &CardKey::FACTORY);
    let answer = tag.command(start.command().unwrap().bytes());
    let asked = start.challenge(&answer, [7; 16]).unwrap();
    let answer = tag.command(asked.command().unwrap().bytes());
    let mut session = asked.conclude(&answer).unwrap();
    let list = desk.read("kit/apdus/card-02.txt");
    let lines: Vec<&str> = list.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines.len(), 10);
    for line in lines {
        let [step, code, header, data, mode] = line.split(" | ").collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let mode = match mode {
            "plain" => CommMode::Plain,
            "mac" => CommMode::Mac,
            "full" => CommMode::Full,
            other => panic!("{other}"),
        };
        let command = session
            .seal(mode, bytes(code)[0], &bytes(header), &bytes(data))
            .unwrap();
        let mut answer = tag.command(command.bytes());
        if step == "change key 0" {
            assert_eq!(answer, [0x91, 0x00], "the session is gone with its key");
        } else {
            session.open(mode, &mut answer).unwrap();
        }
    }
    std::fs::create_dir(desk.path("kit/tags")).unwrap();
    desk.put("kit/tags/card-02.tag", &tag.memory());
    assert_ours(&desk, 2);
    let said = desk.well("kit personalise kit --card 2 --virtual");
    assert!(said.contains("card 2 is personalised already"), "{said}");
}

#[test]
fn a_tag_of_another_site_or_no_tag_is_refused_and_left_alone() {
    let desk = kit(1);
    let (_, uid) = key_and_uid(&desk, 1);
    let mut theirs = Ntag424::new(uid);
    theirs.set_key(0, [9; 16], 1);
    std::fs::create_dir(desk.path("kit/tags")).unwrap();
    desk.put("kit/tags/card-01.tag", &theirs.memory());
    let command = "kit personalise kit --card 1 --virtual";
    desk.fails(
        command,
        2,
        &[
            "another key",
            "no key is tried twice",
            "two of the 1,000 failures",
        ],
    );
    let kept = std::fs::read(desk.path("kit/tags/card-01.tag")).unwrap();
    let kept = Ntag424::from_memory(&kept).unwrap();
    assert_eq!(
        (kept.key(0), kept.failures(0)),
        (Some(([9; 16], 1)), (2, 2))
    );
    desk.put("kit/tags/card-01.tag", b"a photo");
    desk.fails(
        command,
        2,
        &["card-01.tag: is not the memory of a virtual tag"],
    );
}

#[test]
fn what_cannot_be_personalised_is_refused() {
    let desk = kit(2);
    desk.fails(
        "kit personalise kit --card 3 --virtual",
        2,
        &["the kit has no card 3", "0, the landlord's, to 2"],
    );
    desk.fails(
        "kit personalise nowhere --card 1 --virtual",
        2,
        &["nowhere/site.toml: cannot be read", "pilectl kit new"],
    );
    desk.fails(
        "kit personalise kit --card 1 --take-away-after 3",
        2,
        &["--virtual"],
    );
    desk.fails(
        "kit personalise kit --card 1 --virtual --reader x",
        2,
        &["--reader"],
    );
    #[cfg(not(feature = "pcsc"))]
    desk.fails(
        "kit personalise kit --card 1",
        2,
        &["built without card readers", "--features pcsc", "--virtual"],
    );
}

#[test]
fn a_card_whose_chip_broke_waits_for_another_under_a_new_code() {
    let desk = kit(2);
    desk.fails("kit release kit --card 1", 2, &["card 1 has no chip"]);
    desk.fails("kit release kit --card 3", 2, &["the kit has no card 3"]);
    let site = desk.read("kit/site.toml");
    let [_, uid, other] = &values(&site, "uid")[..] else {
        panic!("three cards");
    };
    let printed = codes(&desk.read("kit/sheet.html"));
    // As a real chip leaves it.
    let (before, after) = site.split_at(site.find(uid.as_str()).unwrap());
    let after = after.replacen("\"drawn\"", "\"personalised\"", 1);
    desk.put("kit/site.toml", [before, &after].concat().as_bytes());
    assert!(desk.well("kit show kit").contains("1 of 3 are ready"));
    let said = desk.well("kit release kit --card 1");
    assert!(said.contains("card 1 waits for another chip"), "{said}");
    assert!(said.contains("still opens a pile"), "{said}");
    assert!(desk.well("kit show kit").contains("0 of 3 are ready"));
    let released = desk.read("kit/site.toml");
    assert!(!released.contains(uid.as_str()) && released.contains(other.as_str()));
    let now = codes(&desk.read("kit/sheet.html"));
    let same: Vec<bool> = now.iter().zip(&printed).map(|(a, b)| a == b).collect();
    // The cards' codes, then the recovery codes.
    assert_eq!(same, [true, false, true, true, true, true]);
    let binding = |code: &str| CardCode::parse(&format!("OP1:{code}")).unwrap().secret;
    assert_ne!(
        binding(&now[1]),
        binding(&printed[1]),
        "the old code binds no phone to the new card"
    );
    assert_eq!(
        desk.read("kit/sheet.html").matches("No chip yet").count(),
        3
    );
    desk.well("kit personalise kit --card 1 --virtual");
    assert_ours(&desk, 1);
}
