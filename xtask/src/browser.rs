//! Pages in a real browser.

use std::path::Path;
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
    let (folder, browser) = match ready(workspace, BENCH) {
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

/// A folder with what its package asks for, and the path of a browser.
fn ready(workspace: &Workspace, below: &str) -> Result<(std::path::PathBuf, String), Outcome> {
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
    let browser = browser().or_else(|| {
        machine::install(&["chromium"]);
        browser()
    });
    let browser = browser.ok_or_else(|| {
        Outcome::Skipped(
            "Chromium is missing: sudo apt-get install chromium, or set CHROMIUM".into(),
        )
    })?;
    let folder = workspace.path(below);
    let installed = |at: &Path| std::fs::metadata(at).and_then(|it| it.modified()).ok();
    let wanted = installed(&folder.join("package-lock.json"));
    if installed(&folder.join("node_modules/.package-lock.json")) < wanted {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"]);
        if let Some(why) = process::run(npm.current_dir(&folder)).reason() {
            return Err(Outcome::Skipped(format!("{why}; npm needs the network")));
        }
    }
    Ok((folder, browser))
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
