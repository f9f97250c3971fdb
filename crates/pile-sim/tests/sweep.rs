//! A bounded power-cut sweep; the whole one is `cargo xtask sweep`.

use pile_sim::sweep::{self, Effort, Options};

#[test]
fn no_guarantee_is_broken_at_some_thousand_cut_points() {
    let options = Options {
        effort: Effort::Bounded,
        ..Options::default()
    };
    let report = sweep::run(options, &|_| ()).unwrap();
    println!("{report}");
    assert_eq!(report.violations(), 0, "{report}");
    for tally in &report.tallies {
        assert!(tally.single > 1_500 && tally.double > 500, "{report}");
        assert_eq!(tally.sessions, 40, "{report}");
        assert!(tally.programmed > tally.bytes, "{report}");
    }
}
