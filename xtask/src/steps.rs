//! The steps of `cargo xtask test`, in their order: the cheap ones first.
//!
//! A new step is one entry of [`STEPS`]; `process::run(workspace.cargo(..))` is most of what it
//! needs.

use crate::process::{self, Workspace};
use crate::runner::{Outcome, Step};
use crate::{
    bluetooth, board, browser, bumble, demo, emulated, gate, hygiene, layout, machine, pcsc, peer,
    phone, size, tools,
};

/// Every step.
pub const STEPS: &[Step] = &[
    Step {
        name: "hygiene",
        shows: "short files, no stub, no float in a domain crate, licences, front pages",
        run: hygiene::check,
    },
    Step {
        name: "layout",
        shows: "dependencies point down, and no domain crate asks for std or alloc",
        run: layout::check,
    },
    Step {
        name: "fmt",
        shows: "the code is formatted",
        run: fmt,
    },
    Step {
        name: "openssl",
        shows: "the machine has the openssl that the tests hold our signatures against",
        run: machine::openssl,
    },
    Step {
        name: "no-std-gate",
        shows: "every domain crate links and runs without std and without an allocator",
        run: gate::check,
    },
    Step {
        name: "gate-sees-std",
        shows: "the gate goes red when std leaks in",
        run: |workspace| gate::refuses(workspace, gate::Leak::Std),
    },
    Step {
        name: "gate-sees-alloc",
        shows: "the gate goes red when alloc leaks in",
        run: |workspace| gate::refuses(workspace, gate::Leak::Alloc),
    },
    Step {
        name: "clippy",
        shows: "no warning in any target of the workspace",
        run: clippy,
    },
    Step {
        name: "test",
        shows: "unit, property, integration and documentation tests",
        run: |workspace| {
            process::run(
                workspace
                    .cargo("test")
                    .args(["--workspace", "--no-fail-fast"]),
            )
        },
    },
    Step {
        name: "replay",
        shows: "thirteen months without and with 200 power cuts, every bill computed again",
        run: |workspace| {
            let mut cargo = workspace.cargo("test");
            cargo.args(["--release", "--package", "virtual-pile", "--test", "replay"]);
            process::run(cargo.args(["--", "--include-ignored"]))
        },
    },
    Step {
        name: "ocmf-peer",
        shows: "our receipts verify in an OCMF library of other hands, and its records here",
        run: peer::check,
    },
    Step {
        name: "bumble",
        shows: "a Bluetooth stack of other hands finds the pile, connects, and loses and doubles nothing",
        run: bumble::check,
    },
    Step {
        name: "pcsc",
        shows: "a kit's cards are personalised over the machine's own card service",
        run: pcsc::check,
    },
    Step {
        name: "ble",
        shows: "pilectl builds as a phone over the machine's own Bluetooth",
        run: bluetooth::check,
    },
    Step {
        name: "chips",
        shows: "what the link costs on an emulated Cortex-M4 and RISC-V: instructions, stack, flash",
        run: emulated::costs,
    },
    Step {
        name: "size",
        shows: "flash and RAM of the application by crate, within budgets",
        run: size::check,
    },
    Step {
        name: "boards",
        shows: "all four are built; a house lives by phone and card at a Cortex-M4 and a RISC-V; fifty kills",
        run: board::check,
    },
    Step {
        name: "identical",
        shows: "kept runs leave the same flash and receipts here, on a Cortex-M4 and on a RISC-V",
        run: emulated::identical,
    },
    Step {
        name: "wear",
        shows: "ten years of flash at ten busy ports, and what a record costs",
        run: |workspace| match tools::virtual_pile(workspace, "wear", tools::Passed::default()) {
            Ok(()) => Outcome::Ok,
            Err(reason) => Outcome::Failed(reason),
        },
    },
    Step {
        name: "demo",
        shows: "the demo runs from the command line to its report",
        run: |workspace| match demo::run(workspace, &demo::Options::without_serving()) {
            Ok(()) => Outcome::Ok,
            Err(reason) => Outcome::Failed(reason),
        },
    },
    Step {
        name: "bench-page",
        shows: "the bench page in Chromium: a bill held against the flash, no request to elsewhere, axe",
        run: browser::bench_page,
    },
    Step {
        name: "phone",
        shows: "the phone's app in Chromium, its Web Bluetooth bridged to a pile: every flow, axe, under 400 KB",
        run: phone::check,
    },
    Step {
        name: "docs",
        shows: "the documentation builds without a warning",
        run: |workspace| {
            let mut cargo = workspace.cargo("doc");
            process::run(
                cargo
                    .args(["--workspace", "--no-deps"])
                    .env("RUSTDOCFLAGS", "-D warnings"),
            )
        },
    },
];

/// The names of the steps, for the command line.
pub fn names() -> Vec<&'static str> {
    STEPS.iter().map(|step| step.name).collect()
}

fn fmt(workspace: &Workspace) -> Outcome {
    if !process::succeeds(workspace.cargo("fmt").arg("--version")) {
        return Outcome::Skipped("rustfmt is missing: rustup component add rustfmt".into());
    }
    let beside = |manifest: &str| {
        let mut fmt = workspace.cargo("fmt");
        process::run(fmt.args(["--manifest-path", manifest, "--check"]))
    };
    process::run(workspace.cargo("fmt").args(["--all", "--check"]))
        .and_then(|| beside(gate::MANIFEST))
        .and_then(|| beside(emulated::MANIFEST))
        .and_then(|| beside(phone::MANIFEST))
        .and_then(|| beside(phone::GLUE))
        .and_then(|| {
            board::BOARDS.iter().fold(Outcome::Ok, |before, board| {
                before.and_then(|| beside(&board.manifest()))
            })
        })
}

fn clippy(workspace: &Workspace) -> Outcome {
    if !process::succeeds(workspace.cargo("clippy").arg("--version")) {
        return Outcome::Skipped("clippy is missing: rustup component add clippy".into());
    }
    let deny = ["--", "-D", "warnings"];
    process::run(
        workspace
            .cargo("clippy")
            .args(["--workspace", "--all-targets"])
            .args(deny),
    )
    .and_then(|| process::run(gate::cargo(workspace, "clippy").args(deny)))
    .and_then(|| {
        let mut clippy = workspace.cargo("clippy");
        clippy.args(["--workspace", "--all-targets", "--manifest-path"]);
        clippy
            .arg(workspace.path(phone::MANIFEST))
            .arg("--target-dir");
        process::run(clippy.arg(workspace.target.join("glue")).args(deny))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_steps_share_a_name() {
        let mut names = names();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), STEPS.len());
    }
}
