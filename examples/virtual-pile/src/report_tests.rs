use super::*;
use crate::sample;

fn page(change: impl FnOnce(&mut sample::Run)) -> String {
    let mut run = sample::run();
    change(&mut run);
    let tariff = sample::tariff();
    let outputs = &run.outputs;
    let week = run.load.busiest_week();
    let row = curve::picture_session(&outputs.sessions, &outputs.segments);
    let sessions = sample::sessions();
    let curve = row.map(|row| {
        let input = sessions
            .rows
            .iter()
            .find(|input| input.session == row.session)
            .unwrap();
        let plan = crate::plan::Plan::for_stay(input.stay_s(), input.energy_wh);
        SessionCurve::of_plan(row, &plan)
    });
    html(&ReportData {
        source: "residential-sessions-bl2.csv",
        attribution: Some("Data: S\u{f8}rensen et al., CC BY 4.0."),
        ports: 10,
        utc_offset: sample::offset(),
        tariff: &tariff,
        sessions: &outputs.sessions,
        segments: &outputs.segments,
        accounts: &outputs.accounts,
        summary: &outputs.summary,
        week: week.as_ref(),
        curve: curve.as_ref(),
        cuts: &run.cuts,
    })
    .unwrap()
}

#[test]
fn the_page_holds_three_pictures_and_every_tenant_and_needs_no_network() {
    let page = page(|_| ());
    assert_eq!(page.matches("<svg ").count(), 3);
    for account in sample::sessions().accounts {
        assert!(page.contains(&format!("<td>{account}</td>")), "{account}");
    }
    assert!(!page.contains("{{"));
    // The only address is the name space of SVG, which is not fetched.
    let addresses = page.matches("://").count();
    assert_eq!(
        addresses,
        page.matches("xmlns=\"http://www.w3.org/2000/svg\"").count()
    );
    assert!(!page.contains("src=") && !page.contains("@import") && !page.contains("url("));
    // To look at: PILE_REPORT=/tmp/report.html cargo test -p virtual-pile
    if let Ok(path) = std::env::var("PILE_REPORT") {
        std::fs::write(path, page).unwrap();
    }
}

#[test]
fn the_same_run_gives_the_same_page_and_wall_time_is_not_told() {
    assert_eq!(
        page(|_| ()),
        page(|run| run.outputs.summary.wall_seconds += 9)
    );
}

#[test]
fn a_tenant_named_like_markup_stays_text() {
    let page = page(|run| {
        let name = "<script>{{tariff}}\"&'</script>";
        let old = run.outputs.accounts[0].account.clone();
        run.outputs.accounts[0].account = name.into();
        for row in run
            .outputs
            .sessions
            .iter_mut()
            .filter(|row| row.account == old)
        {
            row.account = name.into();
        }
    });
    assert!(!page.contains("<script>"));
    assert!(page.contains("&lt;script&gt;{{tariff}}&quot;&amp;&#39;&lt;/script&gt;"));
}

#[test]
fn a_balance_that_does_not_close_is_said_aloud() {
    assert!(page(|_| ()).contains("it adds up exactly"));
    let page = page(|run| run.outputs.summary.lost = Energy::from_milliwatt_hours(1));
    assert!(page.contains("IT DOES NOT ADD UP"));
}

#[test]
fn a_run_without_sessions_still_has_a_page() {
    let page = page(|run| {
        run.outputs.sessions.clear();
        run.outputs.segments.clear();
        run.outputs.accounts.clear();
        run.outputs.summary = Summary::default();
        run.load = load::LoadSeries::new(UnixSeconds::new(0), sample::offset());
        run.cuts.clear();
    });
    assert!(page.contains("Nothing was charged."));
    assert!(page.contains("The supply was never cut."));
}

#[test]
fn months_without_a_session_keep_their_place() {
    let mut run = sample::run();
    run.outputs.sessions.retain(|row| {
        let month = u8::from(wall::local(row.started, sample::offset()).month());
        !(5..=7).contains(&month)
    });
    let page = page(|it| it.outputs.sessions = run.outputs.sessions);
    assert!(page.contains("Jun\n</text>"));
}
