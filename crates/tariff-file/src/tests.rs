//! Every refusal by its whole text, line included; then properties.

use super::*;
use billing_core::tariff::{BandIndex, BandName, MAX_BANDS, SLOTS};
use pile_units::{Price, UtcOffset};
use proptest::prelude::*;

/// The file of the design: currency 1, offset 2, unknown 3, day 5..=10, night 12..=17.
const GOOD: &str = "\
currency = \"CNY\"
utc_offset = \"+08:00\"
unknown_time_band = \"day\"

[[band]]
name = \"day\"
from = \"08:00\"
to = \"22:00\"
energy = \"0.568\"
service = \"0.20\"

[[band]]
name = \"night\"
from = \"22:00\"
to = \"08:00\"
energy = \"0.288\"
service = \"0.20\"
";

/// What is said of the good file with its `line` replaced.
fn with(line: usize, text: &str) -> String {
    let mut lines: Vec<&str> = GOOD.lines().collect();
    lines[line - 1] = text;
    said(&lines.join("\n"))
}

fn said(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_file_of_the_design_is_read() {
    let tariff = parse(GOOD).unwrap();
    assert_eq!(tariff.currency().code(), "CNY");
    assert_eq!(tariff.utc_offset().minutes(), 480);
    let [day, night] = tariff.bands() else {
        panic!("two bands");
    };
    assert_eq!(
        (day.name.as_str(), day.energy.to_string()),
        ("day", "0.568".to_owned())
    );
    assert_eq!(
        (night.name.as_str(), night.energy.to_string()),
        ("night", "0.288".to_owned())
    );
    assert_eq!(tariff.band(tariff.unknown_time_band()), Some(day));
    let day_slots = tariff.slots().iter().filter(|slot| slot.get() == 0).count();
    assert_eq!(day_slots, 28);
    assert_eq!(to_toml(&tariff), GOOD);
}

#[test]
fn carriage_returns_and_comments_do_not_matter() {
    let text = GOOD
        .replace('\n', " # said twice\r\n")
        .replace("[[band]] #", "[[band]]#");
    assert_eq!(parse(&text), parse(GOOD));
}

#[test]
fn a_gap_is_refused() {
    assert_eq!(
        with(8, "to = \"21:30\""),
        "line 8: no band covers 21:30 to 22:00; let \"day\" end at 22:00, or add a band"
    );
    assert_eq!(
        with(15, "to = \"06:00\""),
        "line 15: no band covers 06:00 to 08:00; let \"night\" end at 08:00, or add a band"
    );
    assert_eq!(
        with(15, "to = \"24:00\""),
        "line 15: no band covers 00:00 to 08:00; let \"night\" end at 08:00, or add a band"
    );
}

#[test]
fn an_overlap_is_refused() {
    assert_eq!(
        with(14, "from = \"21:30\""),
        "line 12: the band \"night\" overlaps \"day\" from 21:30 to 22:00; \
         let one end where the other begins"
    );
    let twice = format!(
        "{GOOD}\n[[band]]\nname = \"day\"\nfrom = \"09:00\"\nto = \"10:00\"\nenergy = \"0.568\"\nservice = \"0.20\"\n"
    );
    assert_eq!(
        said(&twice),
        "line 19: the band \"day\" covers 09:00 to 10:00 twice; \
         remove one, or let one end where the other begins"
    );
}

#[test]
fn an_unknown_key_is_refused() {
    assert_eq!(
        with(4, "currencies = 1"),
        "line 4: unknown key \"currencies\"; \
         use one of currency, utc_offset, unknown_time_band, band"
    );
    assert_eq!(
        with(11, "vat = \"0.19\""),
        "line 11: unknown key \"vat\"; use one of name, from, to, energy, service"
    );
    // The first of two is named, though another comes first in the alphabet.
    assert_eq!(
        said(&format!("zzz = 1\naaa = 2\n{GOOD}")),
        "line 1: unknown key \"zzz\"; use one of currency, utc_offset, unknown_time_band, band"
    );
}

#[test]
fn a_key_there_twice_is_refused() {
    assert_eq!(
        with(4, "currency = \"EUR\""),
        "line 4: the key \"currency\" is there twice; remove one of them"
    );
    assert_eq!(
        with(11, "to = \"22:00\""),
        "line 11: the key \"to\" is there twice; remove one of them"
    );
}

#[test]
fn a_missing_key_is_refused() {
    assert_eq!(
        with(1, ""),
        "line 1: the key \"currency\" is missing; add currency = \"CNY\""
    );
    assert_eq!(
        with(3, ""),
        "line 1: the key \"unknown_time_band\" is missing; add unknown_time_band = \"day\""
    );
    assert_eq!(
        with(17, ""),
        "line 12: the key \"service\" is missing; add service = \"0.20\""
    );
    assert_eq!(
        said(&GOOD.lines().take(3).collect::<Vec<_>>().join("\n")),
        "line 3: there is no band; add a [[band]]"
    );
}

#[test]
fn a_negative_price_is_refused() {
    let expected = "line 9: the price \"-0.568\" is negative; a price is 0 or more";
    assert_eq!(with(9, "energy = \"-0.568\""), expected);
    assert_eq!(
        with(9, "energy = -0.568"),
        "line 9: the price -0.568 is negative; a price is 0 or more"
    );
}

#[test]
fn a_price_without_quotes_is_refused_with_what_to_write() {
    assert_eq!(
        with(9, "energy = 0.568"),
        "line 9: energy is a float, not a text; write energy = \"0.568\""
    );
    assert_eq!(
        with(17, "service = 1 # yuan"),
        "line 17: service is an integer, not a text; write service = \"1\""
    );
    assert_eq!(
        with(17, "service = 1e-1"),
        "line 17: service is a float, not a text; write service = \"0.20\""
    );
}

#[test]
fn a_price_that_is_no_price_is_refused() {
    let price = |text: &str| with(9, &format!("energy = \"{text}\""));
    assert_eq!(
        price("0.5680001"),
        "line 9: the price \"0.5680001\" has more than six decimals; write at most six"
    );
    assert_eq!(
        price("1000.01"),
        "line 9: the price \"1000.01\" is too high; write at most \"1000\" a kWh"
    );
    assert_eq!(
        price("0,568"),
        "line 9: the price \"0,568\" has a comma; write \"0.568\""
    );
    for text in ["", "free", "+1", "1e3", "-", ".5", "0.5 CNY"] {
        assert_eq!(
            price(text),
            format!(
                "line 9: the price \"{text}\" is not a decimal; \
                 write a price a kWh, such as \"0.568\""
            )
        );
    }
}

#[test]
fn a_time_that_is_not_on_the_half_hour_is_refused() {
    assert_eq!(
        with(7, "from = \"08:15\""),
        "line 7: \"08:15\" is not on the half hour; use \"08:00\" or \"08:30\""
    );
    assert_eq!(
        with(8, "to = \"23:59\""),
        "line 8: \"23:59\" is not on the half hour; use \"23:30\" or \"24:00\""
    );
}

#[test]
fn a_time_that_is_no_time_is_refused() {
    for text in ["8:00", "24:30", "25:00", "08:60", "noon", "", "08:00:00"] {
        assert_eq!(
            with(7, &format!("from = \"{text}\"")),
            format!(
                "line 7: \"{text}\" is not a time of day; \
                 write hours and minutes, such as \"08:00\" or \"22:30\""
            )
        );
    }
    assert_eq!(
        with(8, "to = 22:00:00"),
        "line 8: to is a datetime, not a text; write to = \"22:00\""
    );
}

#[test]
fn the_end_of_the_day_is_where_a_band_ends_and_not_where_one_begins() {
    assert_eq!(
        with(7, "from = \"24:00\""),
        "line 7: the band \"day\" begins at 24:00; write from = \"00:00\""
    );
    let whole_day = "currency=\"EUR\"\nutc_offset=\"+01:00\"\nunknown_time_band=\"flat\"\n\
        [[band]]\nname=\"flat\"\nfrom=\"00:00\"\nto=\"24:00\"\nenergy=\"0.30\"\nservice=\"0\"";
    assert_eq!(parse(whole_day).unwrap().bands().len(), 1);
}

#[test]
fn a_band_that_ends_where_it_begins_is_refused() {
    assert_eq!(
        with(8, "to = \"08:00\""),
        "line 8: the band \"day\" ends where it begins; \
         for a whole day write from = \"00:00\" and to = \"24:00\""
    );
}

#[test]
fn a_band_with_two_prices_is_refused() {
    assert_eq!(
        with(13, "name = \"day\""),
        "line 12: the band \"day\" has other prices on line 5; \
         give both the same prices, or one another name"
    );
}

#[test]
fn an_unknown_time_band_that_is_not_there_is_refused() {
    assert_eq!(
        with(3, "unknown_time_band = \"dusk\""),
        "line 3: there is no band \"dusk\"; use one of day, night"
    );
}

#[test]
fn a_ninth_band_is_refused() {
    use std::fmt::Write;
    let mut text = GOOD.lines().take(3).collect::<Vec<_>>().join("\n");
    for hour in 0..9 {
        let _ = write!(
            text,
            "\n[[band]]\nname = \"b{hour}\"\nfrom = \"0{hour}:00\"\nto = \"{:02}:00\"\n\
             energy = \"1\"\nservice = \"1\"",
            hour + 1
        );
    }
    assert_eq!(
        said(&text),
        "line 52: this is one band more than the 8 a tariff may have; \
         give bands of the same prices the same name"
    );
}

#[test]
fn a_currency_an_offset_or_a_name_out_of_form_is_refused() {
    assert_eq!(
        with(1, "currency = \"yuan\""),
        "line 1: \"yuan\" is not a currency; write its three ISO 4217 letters, such as \"CNY\""
    );
    for text in ["+8", "08:00", "+15:00", "Z"] {
        assert_eq!(
            with(2, &format!("utc_offset = \"{text}\"")),
            format!(
                "line 2: \"{text}\" is not an offset from UTC; \
                 write hours and minutes, -14:00 to +14:00, such as \"+08:00\""
            )
        );
    }
    assert_eq!(
        with(13, "name = \"a|b\""),
        "line 13: \"a|b\" is not a band's name; \
         use 1 to 12 plain ASCII characters, neither | nor a double quote"
    );
    assert_eq!(
        with(13, "name = 7"),
        "line 13: name is an integer, not a text; write name = \"7\""
    );
}

#[test]
fn a_band_that_is_no_list_of_bands_is_refused() {
    let head = GOOD.lines().take(3).collect::<Vec<_>>().join("\n");
    assert_eq!(
        said(&format!("{head}\n[band]\nname = \"day\"\n")),
        "line 4: band is a table; write [[band]] above each band"
    );
    assert_eq!(
        said(&format!("{head}\nband = [1]")),
        "line 4: a band is an integer; write [[band]] above each band"
    );
    assert_eq!(
        said(&format!("{head}\nband = []")),
        "line 4: there is no band; add a [[band]]"
    );
}

#[test]
fn an_empty_file_is_refused() {
    for text in ["", "\n\n", "# nothing yet\n"] {
        assert_eq!(
            said(text),
            "line 1: the file holds nothing; begin with currency = \"CNY\""
        );
    }
}

#[test]
fn what_is_no_toml_is_refused_on_its_line() {
    for (line, text) in [
        (7, "from: 08:00"),
        (10, "service = \"0.20"),
        (12, "[[band]"),
        (4, "???"),
    ] {
        let error = with(line, text);
        assert!(
            error.starts_with(&format!("line {line}: this is not TOML: ")),
            "{error}"
        );
        assert!(error.ends_with("; write key = \"value\", a [[band]] header, or a # comment"));
    }
}

#[test]
fn a_long_or_strange_text_is_shown_short_and_on_one_line() {
    let error = with(1, &format!("currency = \"{}\\n\"", "x".repeat(39)));
    assert!(
        error.contains(&format!("\"{}\\n\" is not", "x".repeat(39))),
        "{error}"
    );
    let error = with(1, &format!("currency = \"{}\"", "x".repeat(50)));
    assert!(
        error.contains(&format!("\"{}...\" is not", "x".repeat(40))),
        "{error}"
    );
}

#[test]
fn a_file_is_named_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tariff.toml");
    std::fs::write(&path, GOOD).unwrap();
    assert_eq!(read(&path), Ok(parse(GOOD).unwrap()));

    std::fs::write(&path, GOOD.replace("from = \"22:00\"", "from = \"21:30\"")).unwrap();
    assert_eq!(
        read(&path).unwrap_err().to_string(),
        format!(
            "{}:12: the band \"night\" overlaps \"day\" from 21:30 to 22:00; \
             let one end where the other begins",
            path.display()
        )
    );

    let mut bytes = GOOD.as_bytes().to_vec();
    let at = GOOD.find("0.568").unwrap();
    bytes[at] = 0xff;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(
        read(&path).unwrap_err().to_string(),
        format!(
            "{}:9: the text is not UTF-8; save the file as UTF-8",
            path.display()
        )
    );
}

/// Any legal tariff.
fn tariff() -> impl Strategy<Value = Tariff> {
    let price =
        || (0u32..=1_000_000_000).prop_map(|p| Price::from_micros_per_kilowatt_hour(p).unwrap());
    let name = "[ !#-{}~]{1,12}".prop_map(|text| text.parse::<BandName>().unwrap());
    let bands = prop::collection::btree_map(name, (price(), price()), 1..=MAX_BANDS);
    let picks = prop::collection::vec(any::<prop::sample::Index>(), SLOTS + 1);
    (bands, picks, -840i16..=840).prop_map(|(bands, picks, offset)| {
        let bands: Vec<_> = bands
            .into_iter()
            .map(|(name, (energy, service))| billing_core::tariff::Band {
                name,
                energy,
                service,
            })
            .collect();
        let index = |n: usize| BandIndex::new(u8::try_from(n).unwrap()).unwrap();
        let mut slots = [BandIndex::FIRST; SLOTS];
        for (place, slot) in slots.iter_mut().enumerate() {
            // The first half hours name each band once, so that none is unused.
            let pick = if place < bands.len() {
                place
            } else {
                picks[place].index(bands.len())
            };
            *slot = index(pick);
        }
        let unknown = index(picks[SLOTS].index(bands.len()));
        let offset = UtcOffset::from_minutes(offset).unwrap();
        Tariff::new("EUR".parse().unwrap(), offset, &bands, slots, unknown).unwrap()
    })
}

/// The error, if any, stands on a line of the text and says something.
fn is_tidy(text: &str) -> Result<(), TestCaseError> {
    if let Err(error) = parse(text) {
        let lines = text.lines().count().max(1);
        prop_assert!(
            (1..=lines + 1).contains(&error.line),
            "{error} of {lines} lines"
        );
        prop_assert!(!error.message.is_empty() && !error.hint.is_empty());
        prop_assert!(!error.to_string().contains('\n'), "{error:?}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_tariff_reads_back_what_it_writes(tariff in tariff()) {
        prop_assert_eq!(parse(&to_toml(&tariff)), Ok(tariff));
    }

    #[test]
    fn i8_no_text_panics_the_reader(text in any::<String>()) {
        is_tidy(&text)?;
    }

    #[test]
    fn i8_no_toml_like_text_panics_the_reader(
        text in "([a-z_]{1,3}|band|\\[\\[band\\]\\]|=|\"[0-9:+.-]{0,6}\"|[0-9.:-]{1,5}|[\\[\\]{}#'\n ,é]){0,30}",
    ) {
        is_tidy(&text)?;
    }

    #[test]
    fn i8_no_small_change_of_a_good_file_panics_the_reader(
        at in any::<prop::sample::Index>(), length in 0usize..12, put in "[\\PC\n]{0,4}",
    ) {
        let chars: Vec<char> = GOOD.chars().collect();
        let at = at.index(chars.len());
        let end = (at + length).min(chars.len());
        let text: String =
            chars[..at].iter().copied().chain(put.chars()).chain(chars[end..].iter().copied()).collect();
        is_tidy(&text)?;
    }

    #[test]
    fn any_two_bands_that_meet_are_a_tariff_and_others_are_not(
        a in 0u8..48, b in 0u8..48, c in prop::option::of(0u8..48), d in prop::option::of(0u8..48),
    ) {
        let (c, d) = (c.unwrap_or(b), d.unwrap_or(a));
        let time = |slot: u8| format!("{:02}:{}0", slot / 2, slot % 2 * 3);
        let text = GOOD
            .replacen("from = \"08:00\"", &format!("from = \"{}\"", time(a)), 1)
            .replacen("to = \"22:00\"", &format!("to = \"{}\"", time(b)), 1)
            .replacen("from = \"22:00\"\nto = \"08:00\"",
                &format!("from = \"{}\"\nto = \"{}\"", time(c), time(d)), 1);
        prop_assert_eq!(parse(&text).is_ok(), a != b && b == c && d == a);
    }
}
