use std::fs;

use super::*;
use crate::sample;

#[expect(clippy::unnecessary_wraps, reason = "an engine's signature")]
fn engine(job: &Job, progress: &mut Progress) -> Result<Ran, String> {
    assert_eq!(job.sessions.rows.len(), 2_237);
    progress.reach(1);
    let run = sample::run();
    Ok(Ran {
        sessions: run.outputs.sessions,
        segments: run.outputs.segments,
        accounts: run.outputs.accounts,
        summary: run.outputs.summary,
        receipts: run.outputs.receipts,
        public_key_pem: run.outputs.public_key_pem,
        ledger: run.outputs.ledger,
        load: run.load,
        cuts: run.cuts,
    })
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

fn options(out: PathBuf) -> cli::Replay {
    cli::Replay {
        sessions: data("residential-sessions-bl2.csv"),
        tariff: data("tariff.toml"),
        out,
        ports: 10,
        seed: 1,
        power_cuts: 0,
        utc_offset: None,
    }
}

#[test]
fn a_replay_reads_runs_writes_and_tells() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let told = replay(&options(out.clone()), engine).unwrap();
    assert!(told.starts_with("Bills in CNY\n"), "{told}");
    let page = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(page.contains("CC BY 4.0") && page.matches("<svg ").count() == 3);
    let json = fs::read_to_string(out.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(summary["sessions"], 2_237);
}

#[test]
fn the_demo_needs_no_files_of_its_own() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let options = cli::Demo {
        out: out.clone(),
        seed: 1,
        power_cuts: 50,
    };
    demo(&options, engine).unwrap();
    assert!(out.join("report.html").is_file());
}

#[test]
fn times_are_read_in_the_tariffs_zone_unless_told_otherwise() {
    let home = tempfile::tempdir().unwrap();
    let mut options = options(home.path().join("out"));
    let starts = |options: &cli::Replay| {
        let mut first = None;
        let _ = replay(options, |job, _| {
            first = job.sessions.span().map(|(first, _)| first);
            Err(String::new())
        });
        first.unwrap()
    };
    let in_beijing = starts(&options);
    options.utc_offset = Some("+01:00".parse().unwrap());
    assert_eq!(starts(&options).since(in_beijing), 7 * 3600);
}

#[test]
fn nothing_is_written_when_something_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let bad_csv = home.path().join("bad.csv");
    fs::write(
        &bad_csv,
        "session,account,plug_in,plug_out,energy_wh\n1,A,x,y,1\n",
    )
    .unwrap();
    let bad_toml = home.path().join("bad.toml");
    fs::write(
        &bad_toml,
        "currency = \"CNY\"\nutc_offset = \"+08:00\"\nfee = 1\n",
    )
    .unwrap();
    let never = |_: &Job, _: &mut Progress| -> Result<Ran, String> { panic!("it ran") };

    let csv = cli::Replay {
        sessions: bad_csv,
        ..options(out.clone())
    };
    let failure = replay(&csv, never).unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(
        failure.to_string().contains("bad.csv:2: plug_in is \"x\""),
        "{failure}"
    );

    let toml = cli::Replay {
        tariff: bad_toml,
        ..options(out.clone())
    };
    let failure = replay(&toml, never).unwrap_err();
    assert_eq!(failure.exit_code(), 2);
    assert!(failure.to_string().contains("bad.toml:3: "), "{failure}");

    let few = cli::Replay {
        ports: 3,
        ..options(out.clone())
    };
    let failure = replay(&few, never).unwrap_err();
    assert!(failure.to_string().contains("use --ports 9"), "{failure}");
    assert!(!out.exists());
}

#[test]
fn nothing_is_written_when_the_engine_fails() {
    let home = tempfile::tempdir().unwrap();
    let out = home.path().join("out");
    let failure = replay(&options(out.clone()), |_, _| {
        Err("the relay melted".to_owned())
    });
    assert_eq!(failure, Err(Failure::Broken("the relay melted".to_owned())));
    assert!(!out.exists());
}
