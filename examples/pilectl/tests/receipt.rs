//! `pilectl receipt` as it is run: published vectors first, then ours, then every way to tamper.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use billing_core::receipt::SoftwareKey;
use common::receipts::{key, receipts};
use tempfile::TempDir;

const VECTORS: &str = "../../crates/billing-core/tests/data/ocmf";

fn pilectl(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_pilectl"))
        .arg("receipt")
        .args(arguments)
        .output()
        .unwrap()
}

/// What it printed, and its exit code.
fn said(arguments: &[&str]) -> (String, i32) {
    let output = pilectl(arguments);
    let text = [output.stdout, output.stderr].concat();
    (
        String::from_utf8(text).unwrap(),
        output.status.code().unwrap(),
    )
}

/// A folder with a file of records and the key of their maker.
struct Desk(TempDir);

impl Desk {
    fn with(records: &[String]) -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        std::fs::write(desk.path("receipts.ocmf"), records.join("\n") + "\n").unwrap();
        let mut pem = String::new();
        key().public_key().write_pem(&mut pem).unwrap();
        std::fs::write(desk.path("public-key.pem"), pem).unwrap();
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    fn verify(&self) -> (String, i32) {
        said(&[
            "verify",
            &self.text("receipts.ocmf"),
            "--key",
            &self.text("public-key.pem"),
        ])
    }
}

fn assert_named(records: &[String], sentences: &[&str]) {
    let (text, code) = Desk::with(records).verify();
    assert_eq!(code, 1, "{text}");
    for sentence in sentences {
        assert!(text.contains(sentence), "{sentence}\nnot in\n{text}");
    }
    let wrong = text
        .lines()
        .filter(|line| line.starts_with("WRONG"))
        .count();
    assert_eq!(wrong, sentences.len(), "{text}");
}

#[test]
fn the_published_genuine_record_verifies() {
    let file = format!("{VECTORS}/test_ocmf_keba_kcp30.xml");
    let (text, code) = said(&["verify", &file]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("value 1, page T32: genuine, 0.0001 kWh"),
        "{text}"
    );
    assert!(text.contains("the key came with the receipts"), "{text}");
}

#[test]
fn the_published_altered_record_is_refused() {
    let file = format!("{VECTORS}/test_ocmf_keba_kcp30_fail.xml");
    let (text, code) = said(&["verify", &file]);
    assert_eq!(code, 1);
    assert!(text.contains("NOT GENUINE"), "{text}");
    assert!(text.contains("altered after it was signed"), "{text}");
}

#[test]
fn the_published_record_verifies_bare_with_its_key_in_any_form() {
    let folder = tempfile::tempdir().unwrap();
    let xml = std::fs::read_to_string(format!("{VECTORS}/test_ocmf_keba_kcp30.xml")).unwrap();
    let between = |start: &str, end: &str| {
        let rest = xml.split_once(start).unwrap().1;
        rest.split_once(end).unwrap().0.to_owned()
    };
    let record = folder.path().join("bare.ocmf");
    std::fs::write(&record, between("transactionId=\"29\">", "</signedData>")).unwrap();
    let hex = between("<publicKey encoding=\"hex\">", "</publicKey>");
    let der: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    let public = billing_core::receipt::PublicKey::from_spki_der(&der).unwrap();
    let mut pem = String::new();
    public.write_pem(&mut pem).unwrap();
    for (name, bytes) in [
        ("key.hex", hex.into_bytes()),
        ("key.der", der),
        ("key.pem", pem.into_bytes()),
    ] {
        let key = folder.path().join(name);
        std::fs::write(&key, bytes).unwrap();
        let arguments = [
            "verify",
            record.to_str().unwrap(),
            "--key",
            key.to_str().unwrap(),
        ];
        assert_eq!(said(&arguments).1, 0, "{name}");
    }
    let (text, code) = said(&["verify", record.to_str().unwrap()]);
    assert_eq!(code, 2);
    assert!(
        text.contains("give the pile's public key with --key"),
        "{text}"
    );
}

#[test]
fn our_receipts_verify_page_by_page() {
    let (text, code) = Desk::with(&receipts(1..=4, &key())).verify();
    assert_eq!(code, 0, "{text}");
    assert!(
        text.starts_with("VERIFIED: 4 of 4 genuine, nothing wrong.\n"),
        "{text}"
    );
    assert!(text.contains("Note: pages 1 to 4;"), "{text}");
    assert!(!text.contains("line 1"), "{text}");
    assert!(
        text.contains("Sum of 4 genuine receipts: 3.204440 kWh, 2.12 CNY"),
        "{text}"
    );
}

#[test]
fn a_changed_digit_is_named() {
    let mut records = receipts(1..=4, &key());
    records[1] = records[1].replace("\"RV\":2.801110", "\"RV\":2.801111");
    assert_named(
        &records,
        &["line 2, page T2: this is not what the pile signed: it was altered afterwards"],
    );
    assert_named(
        &records[1..2],
        &[
            "line 1, page T2: this was altered after it was signed, or signed with another key",
            "before line 1, page T2: page 1 is missing",
        ],
    );
    // The same altered record twice shares its possible keys with itself, and no key is blamed.
    let twice = [records[1].clone(), records[1].clone()];
    assert_named(
        &twice,
        &[
            "line 1, page T2: this is not what the pile signed",
            "line 2, page T2: this is not what the pile signed",
            "page 2 is there twice: first at line 1;",
            "page 1 is missing",
        ],
    );
}

#[test]
fn a_swapped_key_is_named() {
    let other = SoftwareKey::from_bytes(&[8; 32]).unwrap();
    let mark = |key: &SoftwareKey| {
        let hex = pilectl::receipt::key::hex(&key.public_key());
        hex[hex.len() - 8..].to_owned()
    };
    let sentence = format!(
        "the key is another: this was signed with the key that ends in {}, not with yours, the \
         key that ends in {}",
        mark(&other),
        mark(&key())
    );
    assert_named(&receipts(1..=2, &other), &[&sentence, &sentence]);
}

#[test]
fn a_key_in_the_file_that_is_not_the_one_given_is_named() {
    let desk = Desk::with(&[]);
    let file = format!("{VECTORS}/test_ocmf_keba_kcp30.xml");
    let (text, code) = said(&["verify", &file, "--key", &desk.text("public-key.pem")]);
    assert_eq!(code, 1);
    assert!(
        text.contains("the file brings the key that ends in 1A7955BE"),
        "{text}"
    );
    assert!(text.contains("the key is another: this was signed with the key that ends in"));
    let brought = text.matches("the file brings the key").count();
    assert_eq!(brought, 1, "once, not once a record: {text}");
}

#[test]
fn missing_pages_are_named_by_number() {
    let mut records = receipts(1..=9, &key());
    records.remove(2);
    assert_named(
        &records,
        &["between line 2, page T2 and line 3, page T4: page 3 is missing"],
    );
    records.drain(4..7);
    assert_named(&records, &["page 3 is missing", "pages 6 to 8 are missing"]);
}

#[test]
fn missing_first_pages_are_named_unless_the_file_is_a_part() {
    let records = receipts(1..=5, &key());
    assert_named(
        &records[3..],
        &["before line 1, page T4: pages 1 to 3 are missing, and it names the one before it"],
    );
    assert_named(
        &records[1..],
        &["before line 1, page T2: page 1 is missing"],
    );
    // A page that names none before it is not the first for all that.
    assert_named(
        &receipts(4..=5, &key()),
        &["before line 1, page T4: pages 1 to 3 are missing; if these are one tenant's own"],
    );
    let desk = Desk::with(&records[3..]);
    let (file, pem) = (desk.text("receipts.ocmf"), desk.text("public-key.pem"));
    let (text, code) = said(&["verify", &file, "--key", &pem, "--part"]);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Note: pages 4 to 5; earlier ones are not in this file"),
        "{text}"
    );
}

#[test]
fn a_reordered_page_is_named_and_none_is_missed() {
    let mut records = receipts(1..=4, &key());
    records.swap(1, 2);
    assert_named(
        &records,
        &["line 3, page T2: page 2 stands after page 3: the pages are not in order"],
    );
}

#[test]
fn a_page_that_is_there_twice_is_named() {
    let mut records = receipts(1..=3, &key());
    records.push(records[1].clone());
    assert_named(
        &records,
        &["line 4, page T2: page 2 is there twice: first at line 2;"],
    );
}

#[test]
fn a_page_put_in_the_place_of_another_is_named() {
    let mut records = receipts(1..=3, &key());
    // Signed with the pile's own key, but not what page 3 was written after.
    records[1] = receipts(2..=2, &key()).remove(0);
    assert_named(
        &records,
        &[
            "line 2, page T2: it was written after another page 1 than the one in this file",
            "line 3, page T3: it was written after another page 2 than the one in this file",
        ],
    );
}

#[test]
fn a_receipt_of_another_pile_is_named() {
    let mut records = receipts(1..=2, &key());
    let other = SoftwareKey::from_bytes(&[8; 32]).unwrap();
    records.push(receipts(3..=3, &other)[0].replace("0aff000000000001", "0aff000000000002"));
    assert_named(
        &records,
        &[
            "line 3, page T3: this is not what the pile signed",
            "it is of another pile, 0aff000000000002, than those before it, 0aff000000000001",
        ],
    );
}

#[test]
fn a_line_cut_off_is_named() {
    let mut records = receipts(1..=2, &key());
    let half = records[1].len() / 2;
    records[1].truncate(half);
    assert_named(
        &records,
        &["line 2: this is not a whole OCMF record, it may have been cut off"],
    );
}

#[test]
fn a_start_and_a_stop_of_different_cards_are_named() {
    let desk = Desk::with(&[]);
    let records = receipts(1..=2, &key());
    let hex = pilectl::receipt::key::hex(&key().public_key());
    let mut xml = "<values>".to_owned();
    for (record, context) in records.iter().zip(["Begin", "End"]) {
        let record = record.replace("openpile", "other");
        let record = match context {
            "End" => record.replace("\"ID\":\"abab", "\"ID\":\"cdcd"),
            _ => record,
        };
        write!(
            xml,
            "<value transactionId=\"7\" context=\"Transaction.{context}\"><signedData \
             format=\"OCMF\" encoding=\"plain\">{record}</signedData><publicKey>{hex}</publicKey>\
             </value>"
        )
        .unwrap();
    }
    xml += "</values>";
    std::fs::write(desk.path("pair.xml"), xml).unwrap();
    let (text, code) = said(&["verify", &desk.text("pair.xml")]);
    assert_eq!(code, 1);
    assert!(
        text.contains("the start and the stop are of different cards: abababababababab and cdcd"),
        "{text}"
    );
}

#[test]
fn a_receipt_is_shown_with_its_whole_arithmetic() {
    let desk = Desk::with(&receipts(1..=3, &key()));
    let file = desk.text("receipts.ocmf");
    let (text, code) = said(&[
        "show",
        &file,
        "--page",
        "2",
        "--key",
        &desk.text("public-key.pem"),
    ]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        text,
        "\
Receipt T2 of openpile 0aff000000000001
  signature   genuine, by the key you gave
  meter       0aff000000000001-3
  card        abababababababab: HEARSAY, known only by a number, which can be copied
  account     9
  session     102
  start       2.000 kWh at 2024-05-01 07:33:20 +0800, clock set by a trusted source
  new price   2.500777 kWh at 2024-05-01 08:33:20 +0800, clock set by a trusted source
  stop        2.80111 kWh at 2024-05-01 09:03:20 +0800, clock set by a trusted source, stopped at the pile
  drawn       0.80111 kWh in 1 h 30 min 00 s
  tariff      CNY/kWh electricity+service: day 0.568+0.20, night 0.288+0.20
  electricity 0.37 CNY
  service     0.16 CNY
  total       0.53 CNY
Electricity, CNY
  day          0.500777 kWh x 0.568      = 0.284441336000
               with 0.000000000000 carried: line 0.284441, carry 0.000000336000
  night        0.300333 kWh x 0.288      = 0.086495904000
               with 0.000000336000 carried: line 0.086496, carry 0.000000240000
  sum                                      0.370937240000
Service, CNY
  day          0.500777 kWh x 0.20       = 0.100155400000
               with 0.000000000000 carried: line 0.100155, carry 0.000000400000
  night        0.300333 kWh x 0.20       = 0.060066600000
               with 0.000000400000 carried: line 0.060067, carry 0.000000000000
  sum                                      0.160222000000
Total, CNY
  0.370937240000 + 0.160222000000 = 0.531159240000, rounded down to 0.53
  electricity: 0.370937240000, rounded down to 0.37
  service: 0.53 - 0.37 = 0.16
"
    );
    let (text, code) = said(&["show", &file]);
    assert_eq!(code, 0);
    assert_eq!(text.matches("not checked: give the pile's key").count(), 3);
    let (text, code) = said(&["show", &file, "--page", "9"]);
    assert_eq!(code, 2);
    assert!(
        text.contains("holds no receipt of page 9; it holds pages 1 to 3"),
        "{text}"
    );
}

#[test]
fn another_makers_record_is_shown() {
    let (text, code) = said(&["show", &format!("{VECTORS}/test_ocmf_keba_kcp30.xml")]);
    assert_eq!(code, 0);
    for part in [
        "Receipt T32 of KEBA_KCP30 17619300",
        "NONE, nobody was identified",
        "0.2597 kWh at 2019-08-13 10:03:36 +0000, time counted from the start, no date",
        "0.0001 kWh in 0 h 00 min 21 s",
    ] {
        assert!(text.contains(part), "{part}\nnot in\n{text}");
    }
}

#[test]
fn nothing_that_moves_a_terminal_is_printed() {
    let record = receipts(1..=1, &key())[0].replace("\"TT\":\"CNY", "\"TT\":\"\\u001b[2J");
    let record = record.replace("\"PG\":\"T1\"", "\"PG\":\"T\\u001b[2J\"");
    let desk = Desk::with(&[record]);
    for command in ["show", "verify"] {
        let (text, _) = said(&[
            command,
            &desk.text("receipts.ocmf"),
            "--key",
            &desk.text("public-key.pem"),
        ]);
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

/// The names of the elements and attributes of a transparency file, as a tree.
fn shape(xml: &str) -> Vec<String> {
    let document = roxmltree::Document::parse(xml).unwrap();
    assert!(
        document
            .descendants()
            .all(|node| node.tag_name().namespace().is_none())
    );
    let elements = document.descendants().filter(roxmltree::Node::is_element);
    let names = elements.map(|node| {
        let depth = node.ancestors().count();
        format!("{depth} {}", node.tag_name().name())
    });
    names.collect()
}

#[test]
fn the_xml_has_the_elements_of_the_published_one_and_comes_back_whole() {
    let records = receipts(1..=3, &key());
    let desk = Desk::with(&records);
    let (file, out) = (desk.text("receipts.ocmf"), desk.text("out.xml"));
    let pem = desk.text("public-key.pem");
    let (text, code) = said(&["xml", &file, "--key", &pem, "--page", "2", "--out", &out]);
    assert_eq!(code, 0, "{text}");
    let xml = std::fs::read_to_string(&out).unwrap();
    let published = Path::new(VECTORS).join("test_ocmf_keba_kcp30.xml");
    assert_eq!(
        shape(&xml),
        shape(&std::fs::read_to_string(published).unwrap())
    );

    let document = roxmltree::Document::parse(&xml).unwrap();
    let find = |name| {
        document
            .descendants()
            .find(|node| node.has_tag_name(name))
            .unwrap()
    };
    // One value with both readings stands without a number.
    assert_eq!(find("value").attributes().count(), 0);
    let data = find("signedData");
    assert_eq!(data.attribute("format"), Some("OCMF"));
    assert_eq!(data.attribute("encoding"), Some("plain"));
    assert_eq!(data.text(), Some(records[1].as_str()));
    let hex = find("publicKey");
    assert_eq!(hex.attribute("encoding"), Some("hex"));
    assert!(hex.text().unwrap().starts_with("3059"));

    let (text, code) = said(&["verify", &out, "--key", &pem, "--part"]);
    assert_eq!(code, 0, "{text}");
    // What was written is not written over.
    assert_eq!(said(&["xml", &file, "--key", &pem, "--out", &out]).1, 2);
    let out = desk.text("all.xml");
    assert_eq!(said(&["xml", &file, "--key", &pem, "--out", &out]).1, 0);
    let (text, code) = said(&["verify", &out]);
    assert_eq!(code, 0);
    assert!(text.contains("3 of 3 genuine"), "{text}");
}

#[test]
fn no_xml_is_written_of_what_the_software_would_refuse() {
    let mut records = receipts(1..=2, &key());
    records[1] = records[1].replace("2.801110", "2.801111");
    let desk = Desk::with(&records);
    let (text, code) = said(&[
        "xml",
        &desk.text("receipts.ocmf"),
        "--key",
        &desk.text("public-key.pem"),
        "--out",
        &desk.text("out.xml"),
    ]);
    assert_eq!(code, 1);
    assert!(
        text.contains("line 2, page T2: the record was altered"),
        "{text}"
    );
    assert!(!desk.path("out.xml").exists());
}

#[test]
fn files_that_are_none_are_refused_with_what_to_do() {
    let desk = Desk::with(&[]);
    let pem = desk.text("public-key.pem");
    let (text, code) = said(&["verify", &desk.text("none.ocmf"), "--key", &pem]);
    assert_eq!((code, text.contains("cannot be read")), (2, true), "{text}");
    let (text, code) = said(&["verify", &desk.text("receipts.ocmf"), "--key", &pem]);
    assert_eq!(
        (code, text.contains("holds no receipt")),
        (2, true),
        "{text}"
    );
    let (text, code) = said(&["verify", &pem, "--key", &desk.text("receipts.ocmf")]);
    assert_eq!(
        (code, text.contains("not a public key")),
        (2, true),
        "{text}"
    );
}
