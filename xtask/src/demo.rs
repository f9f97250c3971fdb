//! `cargo xtask demo`.

use std::ffi::OsString;
use std::fs::File;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::process::{self, Workspace};

/// What the demo leaves for a browser, in its output folder.
const REPORT: &str = "report.html";

/// How the demo is run.
#[derive(Default, clap::Args)]
pub struct Options {
    /// Where the bills, the ledger and the report go [default: `demo` in the build folder].
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Ends with the report, and shows no pile in a browser. So it does where its output is no
    /// terminal, and where `CI` is set.
    #[arg(long)]
    no_serve: bool,
    /// Passed to `virtual-pile demo`; `-- --help` lists what it takes.
    #[arg(last = true)]
    arguments: Vec<OsString>,
}

impl Options {
    /// Ends with the report.
    pub fn without_serving() -> Self {
        Self {
            no_serve: true,
            ..Self::default()
        }
    }
}

/// Builds the virtual pile in release and runs its demo, which says where the report is; then lets a
/// pile hang in the browser until it is ended by Ctrl-C.
///
/// # Errors
///
/// Says what failed: the build, the demo, or that it wrote no report.
pub fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    if options.arguments.iter().any(|it| is_out(it)) {
        return Err("`--out` is for `cargo xtask demo` itself: write it before `--`".to_owned());
    }
    let out = options
        .out
        .clone()
        .unwrap_or_else(|| workspace.target.join("demo"));
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
    demo.arg(&out).args(&options.arguments);
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
    if options.no_serve || workspace.strict || !std::io::stdout().is_terminal() {
        return Ok(());
    }
    serve(workspace)
}

/// Serves the bench page to this computer, and builds the phone app meanwhile.
fn serve(workspace: &Workspace) -> Result<(), String> {
    let building = build_phone(workspace);
    println!("\nA pile to play with, and its phones: open this address. Ctrl-C ends it.");
    let mut serve = workspace.cargo("run");
    serve.args(["--release", "--quiet", "--package", "virtual-pile", "--"]);
    serve.args(["serve", "--http", "127.0.0.1:0", "--quiet", "--phone"]);
    serve.arg(workspace.path("examples/phone/dist"));
    let ended = process::run(serve.stdin(Stdio::null()));
    if let Some(mut building) = building {
        // It may have ended long ago.
        let _ = building.kill();
        let _ = building.wait();
    }
    ended.reason().map_or(Ok(()), |why| Err(why.to_owned()))
}

/// Starts to build the phone app, if there is what builds it. The page says so until it is there.
fn build_phone(workspace: &Workspace) -> Option<Child> {
    let has_node = process::succeeds(Command::new("node").arg("--version"));
    if !has_node || !workspace.path("examples/phone/package.json").is_file() {
        return None;
    }
    let log = workspace.target.join("phone-build.log");
    let (out, err) = (
        File::create(&log).ok()?,
        File::options().append(true).open(&log).ok()?,
    );
    let mut build = Command::new(std::env::current_exe().ok()?);
    build
        .arg("phone")
        .stdin(Stdio::null())
        .stdout(out)
        .stderr(err);
    let started = build.spawn().ok()?;
    println!("The phone app is being built: {}", log.display());
    Some(started)
}

fn is_out(argument: &std::ffi::OsStr) -> bool {
    let text = argument.to_string_lossy();
    text == "--out" || text.starts_with("--out=")
}
