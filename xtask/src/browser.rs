//! Pages in a real browser.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::machine;
use crate::process::{self, Workspace};
use crate::runner::Outcome;

/// Where the bench page's test stands, with what it needs from npm.
const BENCH: &str = "examples/virtual-pile/tests/browser";
/// What Chromium is called here and there.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// Plays on the bench page in Chromium. Without Node.js, a browser or network it is skipped, which CI
/// does not allow.
pub fn bench_page(workspace: &Workspace) -> Outcome {
    let (folder, browser) = match node(workspace, BENCH).and_then(|it| Ok((it, chromium()?))) {
        Ok(ready) => ready,
        Err(outcome) => return outcome,
    };
    let mut build = workspace.cargo("build");
    process::run(build.args(["--package", "virtual-pile"])).and_then(|| {
        let mut test = Command::new("node");
        test.arg("bench.mjs").current_dir(&folder);
        test.env("BENCH_PILE", workspace.target.join("debug/virtual-pile"));
        test.env("CHROMIUM", browser);
        process::run(test.env("SHOTS", workspace.target.join("bench-page")))
    })
}

/// A folder with what its package asks of npm.
///
/// # Errors
///
/// The outcome of a step without Node.js or network.
pub fn node(workspace: &Workspace, below: &str) -> Result<PathBuf, Outcome> {
    let node = Command::new("node").arg("--version").output();
    let node = node.map(|it| String::from_utf8_lossy(&it.stdout).into_owned());
    let major = node.unwrap_or_default();
    let major = major.trim_start_matches('v').split('.').next();
    if major
        .and_then(|it| it.parse::<u32>().ok())
        .is_none_or(|it| it < 20)
    {
        return Err(Outcome::Skipped("Node.js 20 or newer is missing".into()));
    }
    let folder = workspace.path(below);
    let written = |at: &Path| std::fs::metadata(at).and_then(|it| it.modified()).ok();
    let wanted = written(&folder.join("package-lock.json"));
    if written(&folder.join("node_modules/.package-lock.json")) < wanted {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        if let Some(why) = process::run(npm.current_dir(&folder)).reason() {
            return Err(Outcome::Skipped(format!("{why}; npm needs the network")));
        }
    }
    Ok(folder)
}

/// The path of a browser; as root on a Debian, it is installed.
///
/// # Errors
///
/// The outcome of a step that has none.
pub fn chromium() -> Result<String, Outcome> {
    let found = browser().or_else(|| {
        machine::install(&["chromium"]);
        browser()
    });
    found.ok_or_else(|| {
        Outcome::Skipped(
            "Chromium is missing: sudo apt-get install chromium, or set CHROMIUM".into(),
        )
    })
}

fn browser() -> Option<String> {
    let named = std::env::var("CHROMIUM").ok();
    let usual = BROWSERS.iter().map(|it| (*it).to_owned());
    let found = |name: &String| process::succeeds(Command::new(name).arg("--version"));
    let name = named.into_iter().chain(usual).find(found)?;
    // Who starts it by a path wants one.
    let which = Command::new("which").arg(&name).output().ok()?;
    let path = String::from_utf8_lossy(&which.stdout).trim().to_owned();
    Some(if path.is_empty() { name } else { path })
}
