use super::*;

const START: &str = r#"
title = "Anna charges."

[pile]
ports = 3
clock = "2024-05-01T08:00:00"
owner = "landlord"
tenants = ["anna"]

[pile.limits]
full_after_s = 600

[cards]
landlord = { uid = "04010203", privilege = true }
anna = { uid = "04:11:22:33:44:55:66" }

"#;

fn with(rest: &str) -> Result<Scenario, Refusal> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data");
    parse("s.toml", &format!("{START}{rest}"), &folder)
}

fn action(line: &str) -> Action {
    let scenario = with(&format!("[[event]]\nat = 5\n{line}\n")).unwrap();
    match &scenario.steps[0].what {
        What::Do(action) => (**action).clone(),
        What::Expect(_) => panic!("{scenario:?}"),
    }
}

fn checks(lines: &str) -> Vec<Check> {
    let scenario = with(&format!("[[expect]]\nat = 5\n{lines}\n")).unwrap();
    match &scenario.steps[0].what {
        What::Expect(checks) => checks.clone(),
        What::Do(_) => panic!("{scenario:?}"),
    }
}

fn port(number: u8) -> PortId {
    PortId::from_number(number).unwrap()
}

#[test]
fn the_pile_and_its_cards_are_read() {
    let scenario = with("").unwrap();
    assert_eq!(scenario.title, "Anna charges.");
    assert_eq!((scenario.pile.ports, scenario.pile.seed), (3, 1));
    // 08:00 in the tariff's +08:00.
    assert_eq!(scenario.pile.clock, Some(UnixSeconds::new(1_714_521_600)));
    assert_eq!(
        scenario.pile.limits.full_after(),
        Duration::from_minutes(10)
    );
    assert_eq!(scenario.cards["anna"].uid.len(), 7);
    assert!(scenario.cards["landlord"].privilege);
    assert_eq!(scenario.pile.uid_only, UidOnly::All);
    let blank = parse("s.toml", "title = \"x\"", Path::new(".")).unwrap();
    assert_eq!(
        (blank.pile.owner, blank.pile.clock, blank.pile.ports),
        (None, None, 2)
    );
}

#[test]
fn every_action_of_the_readme_is_read() {
    assert_eq!(action("tap = \"anna\""), Action::Tap("anna".into()));
    assert_eq!(action("press = 3"), Action::Press(port(3)));
    assert_eq!(
        action("plug = { port = 1, watts = 200, wh = 50, float_watts = 10 }"),
        Action::Plug(Bike {
            port: port(1),
            power: Power::from_watts(200),
            energy: Energy::from_watt_hours(50),
            float: Power::from_watts(10),
        })
    );
    assert_eq!(action("unplug = 1"), Action::Unplug(port(1)));
    let load = Action::Load(port(1), Power::from_watts(1_200));
    assert_eq!(action("load = { port = 1, watts = 1200 }"), load);
    assert_eq!(action("cut = \"sudden\""), Action::Cut(Cut::Sudden));
    assert_eq!(action("cut = \"warned\""), Action::Cut(Cut::Warned));
    assert_eq!(action("cut = \"in_flash\""), Action::Cut(Cut::InFlash));
    assert_eq!(action("restore = true"), Action::Restore);
    let clock = Action::SetClock(UnixSeconds::new(1_714_521_601));
    assert_eq!(action("set_clock = \"2024-05-01T08:00:01\""), clock);
    assert!(matches!(
        action("tariff = \"tariff.toml\""),
        Action::SetTariff(_)
    ));
    assert_eq!(
        action("heat = 95"),
        Action::Heat(Temperature::from_celsius(95))
    );
    let trip = Action::Trip(port(2), Fault::Leakage);
    assert_eq!(action("trip = { port = 2, fault = \"leakage\" }"), trip);
    assert_eq!(action("weld = 1"), Action::Weld(port(1)));
    assert_eq!(action("unweld = 1"), Action::Unweld(port(1)));
    assert_eq!(action("meter_dead = 1"), Action::MeterDead(port(1)));
    assert_eq!(action("meter_back = 1"), Action::MeterBack(port(1)));
    assert_eq!(action("reader_hang = true"), Action::ReaderHang);
    assert_eq!(action("reader_dead = true"), Action::ReaderDead);
    assert_eq!(action("reader_back = true"), Action::ReaderBack);
    assert_eq!(action("damage_ledger = true"), Action::DamageLedger);
}

#[test]
fn every_command_of_the_readme_is_read() {
    let command = |text: &str| match action(&format!("command = {text}")) {
        Action::Command(command) => command,
        other => panic!("{other:?}"),
    };
    let anna = || "anna".to_owned();
    assert_eq!(command("\"authorise\""), Command::Authorise);
    assert_eq!(command("{ replace = \"anna\" }"), Command::Replace(anna()));
    assert_eq!(
        command("{ report_lost = \"anna\" }"),
        Command::ReportLost(anna())
    );
    assert_eq!(command("{ revoke = \"anna\" }"), Command::Revoke(anna()));
    assert_eq!(
        command("{ deregister = \"anna\" }"),
        Command::Deregister(anna())
    );
    assert_eq!(command("{ settle = \"anna\" }"), Command::Settle(anna()));
    assert_eq!(
        command("{ mark_paid = \"anna\" }"),
        Command::MarkPaid(anna())
    );
    assert_eq!(
        command("{ allow_uid_only = \"nobody\" }"),
        Command::AllowUidOnly(UidOnly::Nobody)
    );
    assert_eq!(command("\"confirm_export\""), Command::ConfirmExport);
    assert_eq!(command("\"confirm_evidence\""), Command::ConfirmEvidence);
    let friends = PlanId::new(1).unwrap();
    assert_eq!(
        command("{ assign_plan = { card = \"anna\", plan = 1 } }"),
        Command::AssignPlan(anna(), friends)
    );
    assert!(matches!(
        command("{ set_tariff = { tariff = \"tariff.toml\" } }"),
        Command::SetTariff(PlanId::STANDARD, _)
    ));
    let planned =
        "{ plan_tariff = { plan = 1, from = \"2024-05-01T08:00:01\", tariff = \"tariff.toml\" } }";
    let Command::PlanTariff(plan, from, _) = command(planned) else {
        panic!("not planned")
    };
    assert_eq!((plan, from), (friends, UnixSeconds::new(1_714_521_601)));
    assert_eq!(command("{ clear_fault = 2 }"), Command::ClearFault(port(2)));
    assert_eq!(command("{ stop = 2 }"), Command::Stop(port(2)));
    assert_eq!(command("{ disable = 2 }"), Command::Switch(port(2), false));
    assert_eq!(command("{ enable = 2 }"), Command::Switch(port(2), true));
    let Command::SetLimits(limits) = command("{ set_limits = { port_power_w = 800 } }") else {
        panic!("not limits")
    };
    assert_eq!(limits.port_power(), Power::from_watts(800));
}

#[test]
fn every_expectation_of_the_readme_is_read() {
    assert_eq!(
        checks(
            "port = 1\nstate = \"charging\"\nrelay = \"closed\"\nfault = \"none\"\n\
                indicator = \"charging\"\nwatts = 200"
        ),
        [
            Check::State(port(1), "charging".into()),
            Check::Relay(port(1), true),
            Check::PortFault(port(1), None),
            Check::Indicator(port(1), "charging".into()),
            Check::Power(port(1), Power::from_watts(200)),
        ]
    );
    let anna = Whose::Account("anna".into());
    assert_eq!(
        checks(
            "account = \"anna\"\nsessions = 2\nopen = 0\nstop_reason = \"full\"\n\
                energy_wh = [\"49.6\", \"50\"]\ntotal = \"0.03\"\nunpaid = \"0.03\""
        ),
        [
            Check::Sessions(anna.clone(), 2),
            Check::Open(anna.clone(), 0),
            Check::StopReason(anna.clone(), StopReason::Full),
            Check::Energy(
                anna.clone(),
                Energy::from_milliwatt_hours(49_600),
                Energy::from_milliwatt_hours(50_000),
            ),
            Check::Total(anna, Money::from_micros(30_000)),
            Check::Unpaid("anna".into(), Money::from_micros(30_000)),
        ]
    );
    assert_eq!(
        checks(
            "refused = \"unknown_card\"\nsignal = \"choose_port\"\nanswer = \"done\"\n\
                conserved = true\nsessions = 1"
        ),
        [
            Check::Sessions(Whose::All, 1),
            Check::Refused(Some("unknown_card".into())),
            Check::Signal("choose_port".into()),
            Check::Answer("done".into()),
            Check::Conserved,
        ]
    );
    assert_eq!(checks("refused = \"nothing\""), [Check::Refused(None)]);
    let faulted = checks("port = 2\nfault = \"relay_welded\"");
    assert_eq!(
        faulted,
        [Check::PortFault(port(2), Some(Fault::RelayWelded))]
    );
}

#[test]
fn steps_are_in_the_order_of_time_and_events_come_before_expectations() {
    let scenario = with(
        "[[expect]]\nat = 7\nrefused = \"nothing\"\n\
         [[event]]\nat = \"00:00:09\"\npress = 1\n\
         [[event]]\nat = 7\npress = 2\n\
         [[event]]\nat = 7\npress = 3\n",
    )
    .unwrap();
    let order: Vec<_> = scenario
        .steps
        .iter()
        .map(|step| (step.at.seconds(), step.line))
        .collect();
    let first = START.lines().count() as u64 + 1;
    assert_eq!(
        order,
        [(7, first + 6), (7, first + 9), (7, first), (9, first + 3)]
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of mistakes")]
fn mistakes_are_refused_with_their_line_and_a_remedy() {
    let first = START.lines().count() as u64 + 1;
    for (rest, line, what) in [
        (
            "[[event]]\nat = 5\ntip = \"anna\"",
            2,
            "unknown field `tip`",
        ),
        (
            "[[event]]\nat = \"5 s\"\ntap = \"anna\"",
            1,
            "\"5 s\" is not a time",
        ),
        ("[[event]]\nat = -5\ntap = \"anna\"", 1, "after the start"),
        (
            "[[event]]\nat = 5\ntap = \"ben\"",
            0,
            "there is no card \"ben\"; declare it",
        ),
        ("[[event]]\nat = 5", 0, "nothing happens"),
        (
            "[[event]]\nat = 5\npress = 1\nunplug = 1",
            0,
            "two things happen",
        ),
        (
            "[[event]]\nat = 5\npress = 4",
            0,
            "there is no port 4; the pile has ports 1 to 3",
        ),
        ("[[event]]\nat = 5\npress = 0", 0, "there is no port 0"),
        (
            "[[event]]\nat = 5\nrestore = false",
            2,
            "write true, or leave",
        ),
        (
            "[[event]]\nat = 5\ncut = \"later\"",
            2,
            "unknown variant `later`",
        ),
        (
            "[[event]]\nat = 5\nplug = { port = 1, watts = 2 }",
            2,
            "missing field `wh`",
        ),
        (
            "[[event]]\nat = 5\nplug = { port = 1, watts = 0, wh = 5 }",
            0,
            "takes no energy",
        ),
        ("[[event]]\nat = 5\ntariff = \"none.toml\"", 0, "none.toml"),
        (
            "[[event]]\nat = 5\nset_clock = \"noon\"",
            0,
            "\"noon\" is not a time of the clock",
        ),
        (
            "[[event]]\nat = 5\ntrip = { port = 1, fault = \"boredom\" }",
            0,
            "no fault \"boredom\"",
        ),
        (
            "[[event]]\nat = 5\ncommand = { setle = \"anna\" }",
            2,
            "unknown variant `setle`",
        ),
        (
            "[[event]]\nat = 5\ncommand = { set_limits = { full_power_w = 2 } }",
            0,
            "full_power_w",
        ),
        ("[[event]]\ntap = \"anna\"", 0, "missing field `at`"),
        ("[[expect]]\nat = 5", 0, "nothing is expected"),
        (
            "[[expect]]\nat = 5\nstate = \"idle\"",
            0,
            "state is a port's; say which",
        ),
        (
            "[[expect]]\nat = 5\nport = 1\nstate = \"bored\"",
            0,
            "no state \"bored\"; one of idle,",
        ),
        (
            "[[expect]]\nat = 5\nport = 1\naccount = \"anna\"\nopen = 1",
            0,
            "both a port and an",
        ),
        (
            "[[expect]]\nat = 5\nunpaid = \"0.03\"",
            0,
            "unpaid is an account's",
        ),
        (
            "[[expect]]\nat = 5\ntotal = \"0.031\"",
            0,
            "total is \"0.031\"",
        ),
        (
            "[[expect]]\nat = 5\nenergy_wh = [\"2\", \"1\"]",
            0,
            "the least and the most",
        ),
        (
            "[[expect]]\nat = 5\nstop_reason = \"tired\"",
            0,
            "no stop reason \"tired\"",
        ),
        ("[[expect]]\nat = 5\nsignal = \"hi\"", 0, "no signal \"hi\""),
    ] {
        let refusal = with(rest).expect_err(rest);
        assert!(refusal.to_string().contains(what), "{rest}: {refusal}");
        assert_eq!(refusal.line(), Some(first + line), "{rest}: {refusal}");
    }
}

#[test]
fn a_card_has_a_key_or_is_a_copy() {
    let text = "title = \"x\"\n[cards]\nanna = { uid = \"04112233445566\", key = \"site\" }\n\
        a_copy = { copy_of = \"anna\" }\nbetter = { copy_of = \"anna\", key = \"other\" }";
    let cards = parse("s.toml", text, Path::new(".")).unwrap().cards;
    let keys = ["anna", "a_copy", "better"].map(|it| cards[it].key);
    assert_eq!(keys, [Key::Site, Key::None, Key::Other]);
    assert_eq!(cards["a_copy"].uid, cards["anna"].uid);
}

#[test]
fn a_pile_that_cannot_be_is_refused() {
    for (text, what) in [
        ("ports = 3", "title"),
        ("title = \"x\"\n[pile]\nports = 0", "a pile of 0 ports"),
        ("title = \"x\"\n[pile]\nports = 17", "a pile of 17 ports"),
        ("title = \"x\"\n[pile]\nflash_kib = 40", "a flash of 40 KiB"),
        ("title = \"x\"\n[pile]\nflash_kib = 33", "a flash of 33 KiB"),
        ("title = \"x\"\n[pile]\nowner = \"o\"", "no card \"o\""),
        (
            "title = \"x\"\n[pile]\nowner = \"o\"\n[cards]\no = { uid = \"04010203\" }",
            "privilege",
        ),
        (
            "title = \"x\"\n[pile]\ntenants = [\"o\"]\n[cards]\no = { uid = \"04010203\" }",
            "blank",
        ),
        (
            "title = \"x\"\n[cards]\no = { uid = \"0401\" }",
            "4, 7 or 10 bytes",
        ),
        (
            "title = \"x\"\n[cards]\na = { uid = \"04010203\" }\nb = { uid = \"04:01:02:03\" }",
            "have the same uid",
        ),
        (
            "title = \"x\"\n[cards]\na = { privilege = true }",
            "no number",
        ),
        (
            "title = \"x\"\n[cards]\na = { uid = \"04010203\", copy_of = \"a\" }",
            "no number, or two",
        ),
        (
            "title = \"x\"\n[cards]\na = { copy_of = \"b\" }",
            "no card \"b\"",
        ),
        (
            "title = \"x\"\n[cards]\na = { uid = \"04010203\", key = \"site\" }",
            "a uid of 4 bytes",
        ),
        (
            "title = \"x\"\n[cards]\na = { uid = \"04112233445566\" }\nb = { copy_of = \"a\", key = \"site\" }",
            "a copy has",
        ),
        (
            "title = \"x\"\n[cards]\na = { uid = \"04112233445566\", key = \"mine\" }",
            "mine",
        ),
        (
            "title = \"x\"\n[pile.limits]\nfull_power_w = 2",
            "full_power_w is out of range",
        ),
        ("title = ", "s.toml:1: "),
    ] {
        let refusal = parse("s.toml", text, Path::new(".")).expect_err(text);
        assert!(refusal.to_string().contains(what), "{text}: {refusal}");
    }
}

#[test]
fn a_uid_that_is_refused_is_not_said() {
    let text = "title = \"x\"\n[cards]\nanna = { uid = \"04:11:22:33:44:55\" }";
    let refusal = parse("s.toml", text, Path::new("."))
        .unwrap_err()
        .to_string();
    assert!(refusal.contains("the uid of card \"anna\""), "{refusal}");
    assert!(
        !refusal.contains("04:11") && !refusal.contains("0411"),
        "{refusal}"
    );
}

#[test]
fn ordered_limits_may_move_together() {
    let limits = |text: &str| {
        let text = format!("title = \"x\"\n[pile.limits]\n{text}");
        parse("s.toml", &text, Path::new(".")).map(|scenario| scenario.pile.limits)
    };
    assert!(limits("unplugged_power_w = 40\nfull_power_w = 50").is_ok());
    assert!(limits("unplugged_power_w = 4\nfull_power_w = 5").is_ok());
    assert!(limits("unplugged_power_w = 40").is_err());
    assert!(limits("warn_celsius = 95\ncut_celsius = 99").is_ok());
    assert!(limits("warn_celsius = 50\ncut_celsius = 55").is_ok());
}

#[test]
fn every_scenario_of_the_repository_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            let scenario = read(&path).unwrap_or_else(|refusal| panic!("{refusal}"));
            let expects = scenario
                .steps
                .iter()
                .filter(|s| matches!(s.what, What::Expect(_)));
            assert!(expects.count() > 0, "{} expects nothing", path.display());
            count += 1;
        }
    }
    assert!(count >= 12, "{count} scenarios");
}
