//! The sheet: the cards' faces in the size of a bank card (ISO/IEC 7810 ID-1, 85.6 x 54 mm), eight to
//! a page of A4, to print, cut out and stick on; and a page of recovery codes, for the landlord alone.

use std::fmt::Write as _;
use std::path::Path;

use card_auth::CardRole;
use qrcode::{Color, EcLevel, QrCode, Version};

use super::files::rewrite;
use super::site::{KitCard, Site, Stage};
use crate::answer::Refusal;
use crate::html::escaped;

const STYLE: &str = "\
@page { size: A4; margin: 12mm 15mm; }
body { margin: 1em auto; max-width: 180mm; font: 9pt/1.3 system-ui, 'Noto Sans', 'Noto Sans CJK SC', sans-serif;
  color: #000; background: #fff; }
header { margin-bottom: 6mm; }
h1 { font-size: 14pt; margin: 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fill, 85.6mm); gap: 4mm; }
article { box-sizing: border-box; width: 85.6mm; height: 54mm; padding: 2.5mm 3mm 3mm; border: .25mm dashed #888;
  border-radius: 3mm; display: grid; grid-template-columns: 36mm 1fr; grid-template-rows: 38.3mm 1fr;
  column-gap: 2mm; break-inside: avoid; overflow: hidden; }
article svg { width: 38.3mm; height: 38.3mm; margin-left: -2mm; }
.face { display: flex; flex-direction: column; padding-top: 2mm; min-width: 0; }
.who { font-size: 14pt; font-weight: 700; line-height: 1.15; }
.who small { display: block; font-size: 10pt; font-weight: 400; }
.landlord { border: 1mm solid #000; padding: 1.75mm 2.25mm 2.25mm; }
.landlord .who { background: #000; color: #fff; padding: 1mm 1.5mm; border: .25mm solid #000;
  -webkit-print-color-adjust: exact; print-color-adjust: exact; }
.keep { margin-top: 1mm; font-size: 8pt; }
.house { margin-top: auto; overflow-wrap: anywhere; font-size: 8.5pt; line-height: 1.2; }
.wait { font-weight: 700; }
code { grid-column: 1 / 3; align-self: end; text-align: center; font: 8.2pt/1.35 'DejaVu Sans Mono', monospace;
  word-spacing: -.25em; text-wrap: balance; }
.recovery { break-before: page; margin-top: 6mm; }
.recovery p { margin: 2mm 0; max-width: 150mm; }
.recovery section { display: grid; grid-template-columns: 36mm 1fr; column-gap: 4mm; align-items: center;
  border-top: .25mm solid #888; padding: 3mm 0; break-inside: avoid; }
.recovery svg { width: 36mm; height: 36mm; }
.recovery code { grid-column: auto; text-align: left; font-size: 10pt; }
@media print { header { display: none; } body { margin: 0; } }";

/// Writes `sheet.html`, readable by its owner only: the codes bind phones.
pub(super) fn write(kit: &Site, folder: &Path) -> Result<(), Refusal> {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Cards of {0}</title>\n\
         <style>\n{STYLE}\n</style>\n</head>\n<body>\n<header>\n<h1>Cards of {0}</h1>\n\
         <p>Print at 100 %, cut along the lines, and stick each on the chip card with its number. \
         A code binds a phone to its card: hand it out with the card, and with nothing else.</p>\n\
         </header>\n<main class=\"cards\">\n",
        escaped(&kit.house)
    );
    for card in &kit.cards {
        page += &face(kit, card)?;
    }
    page += "</main>\n";
    page += &recovery(kit)?;
    page += "</body>\n</html>\n";
    rewrite(&folder.join("sheet.html"), page.as_bytes())
}

fn face(kit: &Site, card: &KitCard) -> Result<String, Refusal> {
    let (kind, who) = match card.role() {
        CardRole::Privilege => (
            " class=\"landlord\"",
            "<div class=\"who\">Landlord<small lang=\"zh\">管理卡</small></div>\n\
             <div class=\"keep\">Manages the pile: keep it safe. <span lang=\"zh\">请妥善保管</span></div>"
                .to_owned(),
        ),
        CardRole::Charging => (
            "",
            format!(
                "<div class=\"who\">Card {0}<small lang=\"zh\">充电卡 {0}</small></div>",
                card.number
            ),
        ),
    };
    let wait = match card.stage {
        Stage::Drawn => {
            "<span class=\"wait\">No chip yet <span lang=\"zh\">未写卡</span></span><br>"
        }
        Stage::Given | Stage::Personalised => "",
    };
    let code = card.code(&kit.key());
    Ok(format!(
        "<article{kind}>\n{}\n<div class=\"face\">{who}\n<div class=\"house\">{wait}{}</div></div>\n\
         <code>{}</code>\n</article>\n",
        picture(&symbol(&code)?, &format!("Code of {}", card.name())),
        escaped(&kit.house),
        grouped(&code)
    ))
}

/// The page that is kept apart from the cards.
fn recovery(kit: &Site) -> Result<String, Refusal> {
    let mut page = format!(
        "<div class=\"recovery\">\n<h1>Recovery codes of {}</h1>\n\
         <p>For the landlord alone. If the landlord's card is lost, one of these codes, scanned with a \
         phone beside the pile, lets you name a new card in its place: the old card and the phones bound to \
         it open nothing any more. Accounts, tariffs and what is owed stay as they are.</p>\n\
         <p>Each code works once, and they work in their order: 1 first, then 2, then 3. The pile writes \
         down that it was used. Whoever has the next code can take the pile over: keep this page locked \
         away, apart from the cards, and show it to nobody.</p>\n\
         <p lang=\"zh\">仅供房东使用：管理卡丢失时，用手机扫描恢复码即可启用新卡。每码一次，按顺序使用，请妥善锁好。</p>\n",
        escaped(&kit.house)
    );
    for (number, code) in kit.recovery_codes() {
        let number = u16::from(number) + 1;
        let label = format!("Recovery code {number}");
        page += &format!(
            "<section>\n{}\n<div><div class=\"who\">{label}<small lang=\"zh\">恢复码 {number}</small></div>\n\
             <code>{}</code></div>\n</section>\n",
            picture(&symbol(&code)?, &label),
            grouped(&code)
        );
    }
    Ok(page + "</div>\n")
}

/// The symbol of a code: version 3 at level M, 29 modules a side, for chips of seven bytes.
pub(super) fn symbol(code: &str) -> Result<QrCode, Refusal> {
    QrCode::with_version(code, Version::Normal(3), EcLevel::M)
        .map_err(|error| Refusal::new(format!("a code: {error}"), "report it"))
}

/// The QR code of a card's text as SVG, of that name for who cannot see it; as on the sheet.
///
/// ```
/// let code = "OP1:2427GBH1YRAN8ZG10041061050R3GG28A1C60T3GF20";
/// assert!(pilectl::kit::code_picture(code, "Card 1")?.starts_with("<svg"));
/// # Ok::<(), pilectl::answer::Refusal>(())
/// ```
///
/// # Errors
/// [`Refusal`]: the text is too long for a card's symbol.
pub fn code_picture(code: &str, label: &str) -> Result<String, Refusal> {
    Ok(picture(&symbol(code)?, &escaped(label)))
}

/// The symbol as SVG, with the quiet zone of four modules (ISO/IEC 18004 clause 6.3.8).
fn picture(symbol: &QrCode, label: &str) -> String {
    let width = symbol.width();
    let side = width + 8;
    let mut path = String::new();
    for (at, color) in symbol.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            // Writing to a string does not fail.
            let _ = write!(path, "M{} {}h1v1h-1z", at % width + 4, at / width + 4);
        }
    }
    format!(
        "<svg viewBox=\"0 0 {side} {side}\" role=\"img\" aria-label=\"{label}\" \
         shape-rendering=\"crispEdges\"><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/>\
         <path d=\"{path}\"/></svg>"
    )
}

/// `OP1: 2427 GBH1 ...`: as it is easily typed.
fn grouped(code: &str) -> String {
    let (prefix, rest) = code.split_at(code.find(':').map_or(0, |at| at + 1));
    let symbols: Vec<char> = rest.chars().collect();
    let groups: Vec<String> = symbols
        .chunks(4)
        .map(|four| four.iter().collect())
        .collect();
    format!("{prefix} {}", groups.join(" "))
}
