use proptest::prelude::*;

use super::*;

const HEADER: &str = "session,account,plug_in,plug_out,energy_wh\n";
const GOOD: &str = "15,Anna,2019-01-02T19:59:00,2019-01-03T00:52:00,732\n";

fn parse_ten(text: impl AsRef<[u8]>) -> Result<Sessions, Refusal> {
    parse("s.csv", text.as_ref(), 10, "+01:00".parse().unwrap())
}

/// What is said about a file of the header, a good row, and this one on line 3.
fn said_about(row: &str) -> String {
    let refusal = parse_ten(format!("{HEADER}{GOOD}{row}\n")).unwrap_err();
    assert_eq!(refusal.line(), Some(3), "{refusal}");
    refusal.to_string()
}

#[test]
fn both_data_files_are_read_whole() {
    let bl2 = parse_ten(include_str!("../data/residential-sessions-bl2.csv")).unwrap();
    assert_eq!((bl2.rows.len(), bl2.accounts.len()), (2_237, 22));
    let wh: u64 = bl2.rows.iter().map(|row| u64::from(row.energy_wh)).sum();
    assert_eq!(wh, 1_351_240);
    let sr2 = parse_ten(include_str!("../data/residential-sessions-sr2.csv")).unwrap();
    assert_eq!((sr2.rows.len(), sr2.accounts.len()), (212, 4));
    let wh: u64 = sr2.rows.iter().map(|row| u64::from(row.energy_wh)).sum();
    assert_eq!(wh, 185_982);
}

#[test]
fn a_row_becomes_utc_and_the_first_port() {
    let sessions = parse_ten(format!("{HEADER}{GOOD}")).unwrap();
    let [row] = &sessions.rows[..] else {
        panic!("{sessions:?}")
    };
    assert_eq!((row.line, row.session, row.energy_wh), (2, 15, 732));
    assert_eq!(row.account, "Anna");
    assert_eq!(row.plug_in, UnixSeconds::new(1_546_455_540));
    assert_eq!(row.stay_s(), 4 * 3600 + 53 * 60);
    assert_eq!(row.port.number(), 1);
    assert_eq!(sessions.span(), Some((row.plug_in, row.plug_out)));
}

#[test]
fn rows_out_of_order_are_sorted_by_arrival_and_keep_their_lines() {
    let text = format!(
        "{HEADER}1,A,2019-01-03T10:00:00,2019-01-03T11:00:00,5\n\
         2,B,2019-01-02T10:00:00,2019-01-02T11:00:00,5\n\
         3,C,2019-01-02T10:00:00,2019-01-02T11:00:00,5\n"
    );
    let sessions = parse_ten(text).unwrap();
    let order: Vec<_> = sessions
        .rows
        .iter()
        .map(|r| (r.session, r.line, r.port.number()))
        .collect();
    assert_eq!(order, [(2, 3, 1), (3, 4, 2), (1, 2, 1)]);
    assert_eq!(sessions.accounts, ["B", "C", "A"]);
}

#[test]
fn windows_line_ends_a_byte_order_mark_and_quotes_are_read() {
    let text = format!("\u{feff}{HEADER}{}", GOOD.replace("Anna", "\"Berg, Anna\""));
    let sessions = parse_ten(text.replace('\n', "\r\n")).unwrap();
    assert_eq!(sessions.accounts, ["Berg, Anna"]);
}

#[test]
fn each_malformed_row_is_refused_with_its_line_and_a_remedy() {
    let in_out = "2019-01-02T19:59:00,2019-01-03T00:52:00";
    for (row, what) in [
        (
            format!("16,B,{in_out},-3"),
            "energy_wh is \"-3\"; write whole watt-hours",
        ),
        (format!("16,B,{in_out},3.5"), "energy_wh is \"3.5\""),
        (format!("16,B,{in_out},+3"), "energy_wh is \"+3\""),
        (format!("16,B,{in_out},0"), "energy_wh is \"0\""),
        (format!("16,B,{in_out},20001"), "energy_wh is \"20001\""),
        (
            format!("16,B,{in_out},4295000000"),
            "energy_wh is \"4295000000\"",
        ),
        (format!("16,B,{in_out}"), "there are 4 columns instead of 5"),
        (
            format!("16,B,{in_out},5,6"),
            "there are 6 columns instead of 5",
        ),
        (format!("x,B,{in_out},5"), "session is \"x\""),
        (format!("-1,B,{in_out},5"), "session is \"-1\""),
        (
            format!("15,B,{in_out},5"),
            "session 15 is already on line 2",
        ),
        (format!("16,,{in_out},5"), "the account is empty"),
        (format!("16, ,{in_out},5"), "the account is empty"),
        (
            format!("16, B,{in_out},5"),
            "the account \" B\" holds stray spaces",
        ),
        (format!("16,{},{in_out},5", "B".repeat(65)), "is too long"),
        (
            "16,B,2019-02-29T00:00:00,2019-03-01T00:00:00,5".into(),
            "plug_in is \"2019-02-29T",
        ),
        (
            "16,B,2019-01-02 19:59:00,2019-01-03T00:52:00,5".into(),
            "plug_in is \"2019-01-02 1",
        ),
        (
            "16,B,2019-01-02T19:59:00Z,2019-01-03T00:52:00,5".into(),
            "plug_in is",
        ),
        (
            "16,B,+2019-01-02T19:59:00,2019-01-03T00:52:00,5".into(),
            "plug_in is \"+2019",
        ),
        (
            "16,B,2019-01-02T19:59,2019-01-03T00:52:00,5".into(),
            "plug_in is",
        ),
        (
            "16,B,2019-01-02T24:00:00,2019-01-03T00:52:00,5".into(),
            "plug_in is",
        ),
        (
            "16,B,2019-01-02T19:59:00,soon,5".into(),
            "plug_out is \"soon\"",
        ),
        (
            "16,B,1969-01-02T19:59:00,2019-01-02T00:00:00,5".into(),
            "outside the clock's range",
        ),
        (
            "16,B,2019-01-02T19:59:00,2107-01-01T00:00:00,5".into(),
            "outside the clock's range",
        ),
        (
            "16,B,2019-01-02T19:59:00,2019-01-02T19:59:00,5".into(),
            "plug_out is not after plug_in",
        ),
        (
            "16,B,2019-01-02T19:59:00,2019-01-01T19:59:00,5".into(),
            "plug_out is not after plug_in",
        ),
        (
            "16,B,2019-01-02T19:59:00,2019-01-02T19:59:30,5".into(),
            "stay of 30 s is too short",
        ),
        (
            "16,B,2019-01-02T19:59:00,2019-01-02T20:00:00,12".into(),
            "needs more than 800 W",
        ),
        (
            "16,B,2019-01-02T00:00:00,2019-01-09T00:00:00,4801".into(),
            "needs more than 800 W",
        ),
    ] {
        let said = said_about(&row);
        assert!(said.starts_with("s.csv:3: "), "{said}");
        assert!(said.contains(what), "{row}: {said}");
        assert!(said.contains("; "), "{said}");
    }
}

#[test]
fn bytes_that_are_not_text_are_refused_with_their_line() {
    let mut bytes = format!("{HEADER}{GOOD}").into_bytes();
    bytes.extend(b"16,B\xff,2019-01-02T19:59:00,2019-01-03T00:52:00,5\n");
    let said = parse_ten(bytes).unwrap_err().to_string();
    assert_eq!(
        said,
        "s.csv:3: account is not UTF-8; save the file as UTF-8"
    );
}

#[test]
fn a_file_without_rows_or_with_another_header_is_refused() {
    let said = |text: &str| parse_ten(text).unwrap_err().to_string();
    assert!(said("").starts_with("s.csv:1: the file is empty"));
    assert!(said(HEADER).contains("a header but no session"));
    assert!(said(GOOD).starts_with("s.csv:1: the header is"));
    assert!(said("session,account,plug_in,plug_out\n").contains("write exactly"));
    assert!(said("session,account,plug_in,plug_out,energy_wh,x\n").contains("write exactly"));
    assert!(said("account,session,plug_in,plug_out,energy_wh\n").contains("write exactly"));
}

#[test]
fn a_missing_file_is_refused_by_name() {
    let said = read(Path::new("/nowhere/s.csv"), 10, UtcOffset::UTC)
        .unwrap_err()
        .to_string();
    assert!(said.starts_with("/nowhere/s.csv: cannot be read"), "{said}");
}

#[test]
fn the_tenant_past_the_last_account_is_refused_on_his_line() {
    let mut text = HEADER.to_owned();
    for n in 0..=MAX_ACCOUNTS {
        let day = n % 28 + 1;
        let month = n / 28 + 1;
        text += &format!(
            "{n},T{n},2019-{month:02}-{day:02}T10:00:00,2019-{month:02}-{day:02}T11:00:00,5\n"
        );
    }
    let refusal = parse_ten(&text).unwrap_err();
    assert_eq!(refusal.line(), Some(122));
    let fewer = text.replace("T120,", "T1,");
    assert_eq!(parse_ten(fewer).unwrap().accounts.len(), MAX_ACCOUNTS);
}

#[test]
fn a_bike_too_many_is_refused_with_the_time_and_the_ports_needed() {
    let row = |n: u32| format!("{n},T{n},2019-01-02T10:{n:02}:00,2019-01-02T11:00:00,5\n");
    let text: String = core::iter::once(HEADER.to_owned())
        .chain((1..=3).map(row))
        .collect();
    let offset = UtcOffset::UTC;
    let refusal = parse("s.csv", text.as_bytes(), 2, offset).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "s.csv:4: all 2 ports are taken at 2019-01-02 10:03; \
         the file needs 3 ports: use --ports 3 (at most 16)"
    );
    assert!(parse("s.csv", text.as_bytes(), 3, offset).is_ok());
    assert!(parse("s.csv", text.as_bytes(), 0, offset).is_err());
}

#[test]
fn the_next_bike_waits_for_a_port_until_the_pile_has_seen_the_last_one_go() {
    let text = |gap: u32| {
        format!(
            "{HEADER}1,A,2019-01-02T10:00:00,2019-01-02T11:00:00,5\n\
             2,B,2019-01-02T11:{gap:02}:00,2019-01-02T12:00:00,5\n"
        )
    };
    assert!(parse("s.csv", text(0).as_bytes(), 1, UtcOffset::UTC).is_err());
    assert!(parse("s.csv", text(2).as_bytes(), 1, UtcOffset::UTC).is_err());
    assert!(parse("s.csv", text(3).as_bytes(), 1, UtcOffset::UTC).is_ok());
}

#[test]
fn no_two_bikes_of_the_data_share_a_port() {
    let bl2 = parse_ten(include_str!("../data/residential-sessions-bl2.csv")).unwrap();
    let mut taken_until = [UnixSeconds::new(0); 16];
    for row in &bl2.rows {
        let until = &mut taken_until[row.port.index()];
        assert!(row.plug_in >= *until, "{row:?}");
        *until = row.plug_out.plus(CLEARANCE_S);
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_ten(&bytes);
        let mut whole = HEADER.as_bytes().to_vec();
        whole.extend(bytes);
        let _ = parse_ten(&whole);
    }

    #[test]
    fn what_is_accepted_can_be_served(
        stays in proptest::collection::vec((0u32..200, 1u32..300, 1u32..3_000), 1..30),
        ports in 1usize..=16,
    ) {
        let mut text = HEADER.to_owned();
        for (id, (start, minutes, wh)) in stays.iter().enumerate() {
            let at = |m: u32| format!("2019-01-{:02}T{:02}:{:02}:00", 1 + m / 1440, m / 60 % 24, m % 60);
            text += &format!("{id},T,{},{},{wh}\n", at(start * 5), at(start * 5 + minutes));
        }
        if let Ok(sessions) = parse("s.csv", text.as_bytes(), ports, UtcOffset::UTC) {
            let mut until = [UnixSeconds::new(0); 16];
            for row in &sessions.rows {
                prop_assert!(row.port.index() < ports);
                prop_assert!(row.plug_in >= until[row.port.index()]);
                until[row.port.index()] = row.plug_out.plus(CLEARANCE_S);
                prop_assert!(plan::is_possible(row.stay_s(), row.energy_wh));
            }
        }
    }
}
