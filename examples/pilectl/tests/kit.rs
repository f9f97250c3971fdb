//! Kits, from the command line to what a camera reads on the sheet.

mod common;

use card_auth::{CardCode, CardRole};
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

#[test]
fn every_code_of_the_sheet_is_read_back_by_another_decoder() {
    let desk = Desk::with(&[]);
    desk.well("kit new --cards 20 --out kit --house Garden<b>Road");
    let sheet = desk.read("kit/sheet.html");
    let codes: Vec<CardCode> = pictures(&sheet)
        .into_iter()
        .map(|(pixels, side)| {
            let read = detect_in_luma(pixels, side, side, Some(BarcodeFormat::QR_CODE)).unwrap();
            CardCode::parse(read.getText()).unwrap()
        })
        .collect();
    assert_eq!(codes.len(), 21);
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
            .map(|byte| format!("{byte:02X}"))
            .collect();
        assert!(
            site.contains(&hex),
            "the code's UID stands in the site file"
        );
    }
    assert!(sheet.contains("Garden&lt;b&gt;Road") && !sheet.contains("Garden<b>"));
}
