//! Kits, from the command line to what a camera reads on the sheet.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test's helper fails as a test does"
)]

mod common;

use card_auth::{CardCode, CardRole, RecoveryCode, SiteKey, binding_secret, recovery_secret};
use common::Desk;
use rxing::BarcodeFormat;
use rxing::helpers::detect_in_luma;

/// The pictures of a sheet, each as rows of pixels, four a module.
fn pictures(sheet: &str) -> Vec<(Vec<u8>, u32)> {
    const SCALE: usize = 4;
    let pictures = sheet.split("<svg viewBox=\"0 0 ").skip(1);
    let paint = |picture: &str| {
        let side: usize = picture.split(' ').next().unwrap().parse().unwrap();
        let wide = side * SCALE;
        let mut pixels = vec![0xff; wide * wide];
        let path = picture.split("<path d=\"").nth(1).unwrap();
        for module in path.split('"').next().unwrap().split('M').skip(1) {
            let (x, y) = module
                .strip_suffix("h1v1h-1z")
                .unwrap()
                .split_once(' ')
                .unwrap();
            let (x, y): (usize, usize) = (x.parse().unwrap(), y.parse().unwrap());
            for row in y * SCALE..(y + 1) * SCALE {
                pixels[row * wide + x * SCALE..][..SCALE].fill(0);
            }
        }
        (pixels, u32::try_from(wide).unwrap())
    };
    pictures.map(paint).collect()
}

/// The site key of a site file.
fn site_key(site: &str) -> [u8; 16] {
    let line = site
        .lines()
        .find(|line| line.starts_with("site_key"))
        .unwrap();
    let digits = line.split('"').nth(1).unwrap();
    u128::from_str_radix(digits, 16).unwrap().to_be_bytes()
}

#[test]
fn every_code_of_the_sheet_is_read_back_by_another_decoder_and_is_of_the_site_key() {
    let desk = Desk::with(&[]);
    desk.well("kit new --cards 20 --out kit --house Garden<b>Road");
    let sheet = desk.read("kit/sheet.html");
    let read: Vec<String> = pictures(&sheet)
        .into_iter()
        .map(|(pixels, side)| {
            let read = detect_in_luma(pixels, side, side, Some(BarcodeFormat::QR_CODE)).unwrap();
            read.getText().to_owned()
        })
        .collect();
    assert_eq!(read.len(), 21 + 3);
    let codes: Vec<CardCode> = read[..21]
        .iter()
        .map(|text| CardCode::parse(text).unwrap())
        .collect();
    let site = SiteKey::new(site_key(&desk.read("kit/site.toml")));
    for code in &codes {
        assert_eq!(code.secret, binding_secret(&site, &code.uid));
    }
    for (number, text) in (0..).zip(&read[21..]) {
        let secret = recovery_secret(&site, number);
        let code = RecoveryCode { number, secret };
        assert_eq!(RecoveryCode::parse(text), Ok(code));
    }
    // And to type, in groups of four.
    for text in &read {
        let (prefix, rest) = text.split_at(text.find(':').unwrap() + 1);
        let printed = format!("<code>{prefix} {}", &rest[..4]);
        assert!(sheet.contains(&printed), "{text}");
    }
    assert_eq!(codes[0].role, CardRole::Privilege);
    assert!(
        codes[1..]
            .iter()
            .all(|code| code.role == CardRole::Charging)
    );
    let site = desk.read("kit/site.toml");
    for code in &codes {
        let hex: String = code
            .uid
            .expose()
            .iter()
            .flat_map(|byte| format!("{byte:02X}").into_bytes())
            .map(char::from)
            .collect();
        assert!(
            site.contains(&hex),
            "the code's UID stands in the site file"
        );
    }
    assert!(sheet.contains("Garden&lt;b&gt;Road") && !sheet.contains("Garden<b>"));
}

#[cfg(unix)]
#[test]
fn every_file_of_a_kit_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.well("kit new --cards 2 --out kit");
    desk.well("kit personalise kit --card 1 --virtual");
    desk.well("kit sheet kit");
    let mut folders = vec![desk.path("kit")];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        let mode = std::fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "{}", folder.display());
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files += 1;
                let mode = std::fs::metadata(&path).unwrap().permissions().mode();
                assert_eq!(mode & 0o777, 0o600, "{}", path.display());
                assert_ne!(path.extension().unwrap(), "new", "nothing is left over");
            }
        }
    }
    assert_eq!(files, 1 + 1 + 3 + 1, "site file, sheet, lists, virtual tag");
}

#[test]
fn a_kit_is_never_made_over_anything() {
    let desk = Desk::new();
    desk.well("kit new --cards 1 --out kit");
    let site = desk.read("kit/site.toml");
    desk.fails(
        "kit new --cards 1 --out kit",
        2,
        &["there is a kit already"],
    );
    assert_eq!(desk.read("kit/site.toml"), site);
    std::fs::create_dir(desk.path("other")).unwrap();
    desk.put("other/sheet.html", b"mine");
    desk.fails("kit new --cards 1 --out other", 2, &["other: is not empty"]);
    assert_eq!(desk.read("other/sheet.html"), "mine");
    desk.put("file", b"mine");
    desk.fails(
        "kit new --cards 1 --out file",
        2,
        &["file: cannot be a kit's folder"],
    );
    assert_eq!(desk.read("file"), "mine");
}

#[test]
fn two_kits_have_nothing_in_common() {
    let desk = Desk::new();
    desk.well("kit new --cards 1 --out a");
    desk.well("kit new --cards 1 --out b");
    let secrets = |site: String| -> Vec<String> {
        let lines = site.lines().filter(|line| line.ends_with('"'));
        lines
            .filter(|line| !line.contains("house") && !line.contains("address"))
            .filter(|line| !line.contains("stage"))
            .map(str::to_owned)
            .collect()
    };
    let (a, b) = (
        secrets(desk.read("a/site.toml")),
        secrets(desk.read("b/site.toml")),
    );
    assert_eq!((a.len(), b.len()), (3, 3));
    assert!(a.iter().all(|secret| !b.contains(secret)));
}

#[test]
fn a_list_of_uids_is_taken_or_refused_by_its_line() {
    let good = "# landlord first\n04 78 2E 21 80 1D 80\n\n04:78:2E:21:80:1D:81 # one\n";
    let desk = Desk::with(&[
        ("good.txt", good.as_bytes()),
        ("bad.txt", b"04782E21801D80\n04782E21801D8\n"),
        ("twice.txt", b"04782E21801D80\n04 78 2e 21 80 1d 80\n"),
        ("short.txt", b"04782E21801D80\n"),
        ("bytes.txt", b"\xff\xfe\n"),
    ]);
    desk.well("kit new --cards 1 --out kit --uids good.txt");
    let shown = desk.well("kit show kit");
    assert!(shown.contains("its chip is known"), "{shown}");
    assert!(!desk.read("kit/sheet.html").contains("No chip yet"));
    for (list, said) in [
        ("bad.txt", "bad.txt:2: not the UID"),
        (
            "twice.txt",
            "twice.txt:2: the same UID as the list's number 1",
        ),
        ("short.txt", "has 1 UIDs, and the kit 2 cards"),
        ("bytes.txt", "is not text"),
        ("none.txt", "none.txt: cannot be read"),
    ] {
        let command = format!("kit new --cards 1 --out new --uids {list}");
        desk.fails(&command, 2, &[said]);
        assert!(!desk.path("new").exists(), "nothing is made: {list}");
    }
    for bad in [
        "--cards 0",
        "--cards 256",
        "--cards 1 --address a?b",
        "--cards 1 --address ü",
        "--cards 1 --address http://pile.example/c",
        "--cards 1 --house=",
    ] {
        desk.fails(&format!("kit new --out new {bad}"), 2, &[]);
        assert!(!desk.path("new").exists(), "nothing is made: {bad}");
    }
    // As it is copied out of a browser.
    desk.well("kit new --cards 1 --out copied --address https://house.example/c");
    let site = std::fs::read_to_string(desk.path("copied/site.toml")).unwrap();
    assert!(site.contains("\"house.example/c\""), "{site}");
    let long = "x".repeat(41);
    desk.fails(
        &format!("kit new --cards 1 --out new --house {long}"),
        2,
        &["at most 40"],
    );
}

#[test]
fn a_site_file_that_was_altered_is_named_by_its_line_and_not_quoted() {
    let desk = Desk::new();
    desk.well("kit new --cards 3 --out kit");
    let site = desk.read("kit/site.toml");
    let lines: Vec<&str> = site.lines().collect();
    let mut refused = 0;
    for (at, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(" = ") else {
            continue;
        };
        let bare = value.trim_matches('"');
        let others = [
            format!("{key} = {bare}"),
            format!("{key} = \"{bare}0\""),
            format!("{bare} = {value}"),
            format!("{key} = [\"{bare}\"]"),
        ];
        for other in others {
            if other == *line || line.starts_with("house") || line.starts_with("address") {
                continue;
            }
            let mut altered = lines.clone();
            altered[at] = &other;
            desk.put("kit/site.toml", altered.join("\n").as_bytes());
            let (text, code) = desk.run("kit show kit");
            assert_eq!(code, 2, "{other}: {text}");
            assert!(text.contains("site.toml"), "{text}");
            // A missing key is told of the table it is missing in, a wrong value of its own line.
            assert!(bare.len() < 14 || !text.contains(bare), "quotes: {text}");
            if other.starts_with(key) {
                let name = format!("site.toml:{}:", at + 1);
                assert!(
                    text.contains(&name) || text.contains("version"),
                    "{other}: {text}"
                );
            }
            refused += 1;
        }
    }
    assert!(refused > 40, "{refused}");
    desk.put("kit/site.toml", site.as_bytes());
    desk.well("kit show kit");
}

/// The site file as version 1 had it: a random secret a card.
fn as_version_1(site: &str) -> String {
    let secret = "binding_secret = \"000102030405060708090A0B0C0D0E0F\"";
    let lines = site.lines().map(|line| match line.split(" = ").next() {
        Some("version") => "version = 1".to_owned(),
        Some("stage") => format!("{line}\n{secret}"),
        _ => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[test]
fn a_kit_of_version_1_keeps_its_keys_and_is_told_to_print_its_sheet_again() {
    let desk = Desk::new();
    desk.well("kit new --cards 2 --out kit");
    let (site, sheet) = (desk.read("kit/site.toml"), desk.read("kit/sheet.html"));
    let old = as_version_1(&site);
    assert_eq!(old.matches("binding_secret").count(), 3);
    desk.put("kit/site.toml", old.as_bytes());
    desk.put("kit/sheet.html", b"codes that bind no phone");
    let warned = "warning: kit/site.toml: written by an older pilectl: the codes it printed bind no \
                  phone; pilectl kit sheet kit makes the sheet anew";
    let said = desk.well("kit show kit");
    assert!(said.contains(warned), "{said}");
    assert_eq!(desk.read("kit/site.toml"), old, "a look changes nothing");
    assert!(desk.well("kit sheet kit").contains(warned));
    assert_eq!(desk.read("kit/site.toml"), site);
    assert_eq!(desk.read("kit/sheet.html"), sheet);
    assert!(!desk.well("kit show kit").contains("warning"));
    // Neither version holds what belongs to the other.
    let secret = old.replace("version = 1", "version = 2");
    desk.put("kit/site.toml", secret.as_bytes());
    desk.fails("kit show kit", 2, &["card 0 is not as version 2 has it"]);
    let none = site.replace("version = 2", "version = 1");
    desk.put("kit/site.toml", none.as_bytes());
    desk.fails("kit show kit", 2, &["card 0 is not as version 1 has it"]);
}

#[cfg(unix)]
#[test]
fn a_site_file_that_others_can_open_is_not_read_without_a_word() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    desk.well("kit new --cards 1 --out kit");
    let warned = "warning: kit/site.toml: others on this computer can open it";
    assert!(!desk.well("kit show kit").contains("warning"));
    let site = desk.path("kit/site.toml");
    std::fs::set_permissions(site, PermissionsExt::from_mode(0o644)).unwrap();
    assert!(desk.well("kit show kit").contains(warned));
}

#[cfg(unix)]
#[test]
fn a_folder_that_was_there_empty_is_for_its_owner_only_too() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    std::fs::create_dir(desk.path("kit")).unwrap();
    std::fs::set_permissions(desk.path("kit"), PermissionsExt::from_mode(0o777)).unwrap();
    desk.well("kit new --cards 1 --out kit");
    let mode = std::fs::metadata(desk.path("kit"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o700);
}
