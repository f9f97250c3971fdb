use super::*;
use crate::sample;

fn text(outputs: &Outputs, name: &str) -> String {
    let (_, bytes) = outputs
        .files()
        .into_iter()
        .find(|(file, _)| *file == name)
        .unwrap();
    String::from_utf8(bytes).unwrap()
}

fn two() -> Outputs {
    let port = PortId::from_number(3).unwrap();
    let session = SessionRow {
        session: 15,
        account: "Berg, \"A\"".into(),
        port,
        started: UnixSeconds::new(1_546_455_541),
        ended: UnixSeconds::new(1_546_466_341),
        stop_reason: "full".into(),
        energy: Energy::from_milliwatt_hours(731_800),
        energy_fee: Money::from_micros(410_000),
        service_fee: Money::from_micros(150_000),
        total: Money::from_micros(560_000),
        delivered: Energy::from_milliwatt_hours(732_000),
    };
    let segment = SegmentRow {
        session: 15,
        segment: 1,
        from: session.started,
        to: session.ended,
        band: "day".into(),
        energy: session.energy,
        energy_price: "0.568".parse().unwrap(),
        service_price: "0.2".parse().unwrap(),
        energy_fee: Money::from_micros(415_662),
        service_fee: Money::from_micros(146_360),
    };
    let account = AccountRow {
        number: AccountId::new(7),
        account: session.account.clone(),
        sessions: 1,
        energy: session.energy,
        energy_fee: session.energy_fee,
        service_fee: session.service_fee,
        total: session.total,
    };
    Outputs {
        currency: Currency::CNY,
        utc_offset: "+01:00".parse().unwrap(),
        sessions: vec![session],
        segments: vec![segment],
        accounts: vec![account],
        summary: Summary {
            sessions: 1,
            delivered: Energy::from_milliwatt_hours(732_000),
            billed: Energy::from_milliwatt_hours(731_800),
            lost: Energy::from_milliwatt_hours(200),
            simulated_seconds: 10_800,
            wall_seconds: 1,
            ..Summary::default()
        },
        receipts: vec!["OCMF|{}|{}".into()],
        public_key_pem: "pem\n".into(),
        ledger: vec![0xff, 0, 1],
        report: "<html>".into(),
    }
}

#[test]
fn every_table_has_the_columns_of_the_contract_in_their_order() {
    let outputs = two();
    assert_eq!(
        text(&outputs, "sessions.csv"),
        "session,account,port,started,ended,stop_reason,energy_mwh,energy_fee,service_fee,total,\
         delivered_mwh\n\
         15,\"Berg, \"\"A\"\"\",3,2019-01-02T19:59:01+01:00,2019-01-02T22:59:01+01:00,full,731800,\
         0.41,0.15,0.56,732000\n"
    );
    assert_eq!(
        text(&outputs, "segments.csv"),
        "session,segment,from,to,band,energy_mwh,energy_price,service_price,energy_fee_micro,\
         service_fee_micro\n\
         15,1,2019-01-02T19:59:01+01:00,2019-01-02T22:59:01+01:00,day,731800,0.568,0.20,415662,\
         146360\n"
    );
    assert_eq!(
        text(&outputs, "accounts.csv"),
        "account,sessions,energy_mwh,energy_fee,service_fee,total\n\
         \"Berg, \"\"A\"\"\",1,731800,0.41,0.15,0.56\n"
    );
    assert_eq!(
        text(&outputs, "names.csv"),
        "account,name\n7,\"Berg, \"\"A\"\"\"\n"
    );
    assert_eq!(text(&outputs, "receipts.ocmf"), "OCMF|{}|{}\n");
}

#[test]
fn the_summary_is_json_with_the_fields_of_the_contract_and_wall_seconds_last() {
    let json = text(&two(), "summary.json");
    let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(parsed["billed_mwh"], 731_800);
    let names: Vec<_> = json.split('"').skip(1).step_by(2).collect();
    assert_eq!(
        names,
        [
            "sessions",
            "delivered_mwh",
            "billed_mwh",
            "unattributed_mwh",
            "lost_mwh",
            "max_lost_mwh_per_port_per_cut",
            "power_cuts",
            "flash_bytes_programmed",
            "max_page_erases",
            "simulated_seconds",
            "wall_seconds",
        ]
    );
}

#[test]
fn the_files_are_those_of_the_list() {
    let files = two().files();
    assert_eq!(files.map(|(name, _)| name), FILES);
}

#[test]
fn an_empty_run_still_has_headers() {
    let mut outputs = two();
    outputs.sessions.clear();
    assert!(text(&outputs, "sessions.csv").starts_with("session,account,"));
}

#[test]
fn a_currency_without_decimals_is_written_without() {
    let mut outputs = two();
    outputs.currency = "JPY".parse().unwrap();
    outputs.accounts[0].total = Money::from_micros(12_999_999);
    assert!(text(&outputs, "accounts.csv").ends_with(",0,0,12\n"));
}

#[test]
fn only_wall_seconds_tells_two_runs_apart() {
    let first = sample::outputs();
    let mut second = sample::outputs();
    second.summary.wall_seconds += 7;
    for ((name, a), (_, b)) in first.files().iter().zip(second.files()) {
        if *name == "summary.json" {
            let a = String::from_utf8_lossy(a).into_owned();
            let b = String::from_utf8_lossy(&b).into_owned();
            let differ: Vec<_> = a.lines().zip(b.lines()).filter(|(a, b)| a != b).collect();
            assert_eq!(differ.len(), 1);
            assert!(differ[0].0.contains("wall_seconds"));
        } else {
            assert_eq!(*a, b, "{name}");
        }
    }
}
