//! `cargo xtask demo`.

use std::ffi::OsString;
use std::path::PathBuf;

use crate::process::{self, Workspace};

/// What the demo leaves for a browser, in its output folder.
const REPORT: &str = "report.html";

/// How the demo is run.
#[derive(Default, clap::Args)]
pub struct Options {
    /// Where the bills, the ledger and the report go [default: `demo` in the build folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Passed to `virtual-pile demo`; `-- --help` lists what it takes.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

/// Builds the virtual pile in release and runs its demo, whose last line says where the report is.
///
/// # Errors
///
/// Says what failed: the build, the demo, or that it wrote no report.
pub fn run(workspace: &Workspace, options: Options) -> Result<(), String> {
    if options.arguments.iter().any(|it| is_out(it)) {
        return Err("`--out` is for `cargo xtask demo` itself: write it before `--`".to_owned());
    }
    let out = options.out.unwrap_or_else(|| workspace.target.join("demo"));
    let out = std::path::absolute(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let asked_for_help = options
        .arguments
        .iter()
        .any(|argument| argument == "--help");

    let mut demo = workspace.cargo("run");
    demo.args([
        "--release",
        "--package",
        "virtual-pile",
        "--",
        "demo",
        "--out",
    ]);
    demo.arg(&out).args(options.arguments);
    if let Some(reason) = process::run(&mut demo).reason() {
        return Err(reason.to_owned());
    }
    if asked_for_help {
        return Ok(());
    }
    let report = out.join(REPORT);
    if !report.is_file() {
        return Err(format!(
            "the demo ended without writing {}",
            report.display()
        ));
    }
    Ok(())
}

fn is_out(argument: &std::ffi::OsStr) -> bool {
    let text = argument.to_string_lossy();
    text == "--out" || text.starts_with("--out=")
}
