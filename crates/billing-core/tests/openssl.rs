//! A receipt is checked by a program nobody here wrote: the `openssl` command line.

// A test may stop where it stands; clippy knows that of `#[test]` functions only, not of helpers.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::path::Path;
use std::process::{Command, Output};

use billing_core::cost::Bill;
use billing_core::receipt::{Doubt, End, Reading, ReceiptData, SoftwareKey, write_receipt};
use pile_units::{
    AccountId, CardAlias, ClockQuality, Currency, Energy, PileId, PortId, SessionId, Strength,
    UnixSeconds, UtcOffset, WallTime,
};

/// True if `openssl` runs. Without it the tests say so and pass, but not on CI.
fn openssl_is_there() -> bool {
    if Command::new("openssl").arg("version").output().is_ok() {
        return true;
    }
    assert!(
        std::env::var_os("CI").is_none(),
        "openssl is not installed: receipts go unchecked"
    );
    eprintln!("SKIPPED: openssl is not installed, receipts go unchecked");
    false
}

/// A receipt with a change of price, of a session that the supply took: `B`, `T`, `P`.
fn record(page: u32, key: &SoftwareKey) -> String {
    let reading = |unix, wh| Reading {
        at: WallTime {
            unix: UnixSeconds::new(unix),
            quality: ClockQuality::Synchronised,
        },
        register: Energy::from_watt_hours(wh),
        doubt: Doubt::default(),
    };
    let data = ReceiptData {
        pile: PileId::new([1; 8]),
        firmware: "0.1.0",
        page,
        port: PortId::from_number(1).unwrap(),
        alias: CardAlias::new([2; 8]),
        strength: Strength::UidOnly,
        session: SessionId::new(page),
        account: AccountId::new(7),
        utc_offset: UtcOffset::UTC,
        begin: reading(1_546_459_140, 100),
        changes: [reading(1_546_462_740, 500)].into_iter(),
        end: reading(1_546_466_340, 832),
        ended: End::PowerLost,
        tariff_text: "caf\u{e9} | 0.568",
        currency: Currency::CNY,
        bill: Bill::default(),
        previous: None,
    };
    let mut record = String::new();
    write_receipt(&data, key, &mut record).unwrap();
    record
}

/// `openssl dgst -sha256 -verify` on the three parts, cut out of the record as anyone would.
fn openssl_verify(folder: &Path, record: &str, key: &SoftwareKey) -> Output {
    let parts: Vec<_> = record.split('|').collect();
    let hex = parts[2]
        .split("\"SD\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    let signature: Vec<u8> = (0..hex.len() / 2)
        .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
        .collect();
    let mut pem = String::new();
    key.public_key().write_pem(&mut pem).unwrap();
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    Command::new("openssl")
        .args(["dgst", "-sha256", "-verify"])
        .arg(write("public-key.pem", pem.as_bytes()))
        .arg("-signature")
        .arg(write("signature", &signature))
        .arg(write("payload", parts[1].as_bytes()))
        .output()
        .unwrap()
}

#[test]
fn openssl_alone_verifies_our_receipts_and_refuses_them_altered() {
    if !openssl_is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let key = SoftwareKey::from_bytes(&[7; 32]).unwrap();
    for page in 1..=5 {
        let record = record(page, &key);
        assert!(
            ["\"TX\":\"B\"", "\"TX\":\"T\"", "\"TX\":\"P\""]
                .iter()
                .all(|it| record.contains(it))
        );
        let seen = openssl_verify(folder.path(), &record, &key);
        assert!(seen.status.success(), "{seen:?}");
        assert_eq!(seen.stdout, b"Verified OK\n");
    }

    let altered = record(1, &key).replace("\"RV\":0.832000", "\"RV\":0.831000");
    assert_ne!(altered, record(1, &key));
    assert!(
        !openssl_verify(folder.path(), &altered, &key)
            .status
            .success()
    );

    let other = SoftwareKey::from_bytes(&[8; 32]).unwrap();
    assert!(
        !openssl_verify(folder.path(), &record(1, &key), &other)
            .status
            .success()
    );
}

/// `openssl` as it is run in a folder.
fn openssl(folder: &Path, arguments: &[&str]) -> String {
    let seen = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(seen.status.success(), "{arguments:?}: {seen:?}");
    String::from_utf8(seen.stdout).unwrap()
}

#[test]
fn openssl_reads_our_private_key_and_we_read_its() {
    if !openssl_is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let public = |key: &SoftwareKey| {
        let mut pem = String::new();
        key.public_key().write_pem(&mut pem).unwrap();
        pem
    };
    let key = SoftwareKey::from_bytes(&[7; 32]).unwrap();
    let mut pem = String::new();
    key.write_pem(&mut pem).unwrap();
    std::fs::write(folder.path().join("ours.pem"), pem).unwrap();
    let told = openssl(folder.path(), &["pkey", "-in", "ours.pem", "-pubout"]);
    assert_eq!(told, public(&key));

    let curve = "ec_paramgen_curve:P-256";
    let pkcs8 = [
        "genpkey",
        "-algorithm",
        "EC",
        "-pkeyopt",
        curve,
        "-out",
        "it.pem",
    ];
    let sec1 = [
        "ecparam",
        "-name",
        "prime256v1",
        "-genkey",
        "-noout",
        "-out",
        "it.pem",
    ];
    for arguments in [&pkcs8[..], &sec1[..]] {
        openssl(folder.path(), arguments);
        let text = std::fs::read_to_string(folder.path().join("it.pem")).unwrap();
        let told = openssl(folder.path(), &["pkey", "-in", "it.pem", "-pubout"]);
        assert_eq!(public(&SoftwareKey::from_pem(&text).unwrap()), told);
        // A public key signs nothing.
        assert!(SoftwareKey::from_pem(&told).is_err());
    }
    let other = ["ecparam", "-name", "secp384r1", "-genkey", "-noout"];
    assert!(SoftwareKey::from_pem(&openssl(folder.path(), &other)).is_err());
}

#[test]
fn a_private_key_with_another_keys_point_is_none() {
    let pem = |byte| {
        let mut text = String::new();
        let key = SoftwareKey::from_bytes(&[byte; 32]).unwrap();
        key.write_pem(&mut text).unwrap();
        text
    };
    let (one, other) = (pem(7), pem(8));
    let at = one.find("-----END").unwrap() - 57;
    let mixed = [&one[..at], &other[at..]].concat();
    assert!(SoftwareKey::from_pem(&one).is_ok());
    assert!(SoftwareKey::from_pem(&mixed).is_err());
}
