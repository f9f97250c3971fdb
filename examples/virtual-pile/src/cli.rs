//! The command line.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Parser, Subcommand};
use pile_units::{MAX_PORTS, UtcOffset};

/// Runs the firmware of a shared power pile on virtual parts.
#[derive(Debug, Parser)]
#[command(name = "virtual-pile", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Replays a file of real sessions and writes the bills.
    #[command(after_help = "\
SESSIONS.csv has the columns session,account,plug_in,plug_out,energy_wh; times are local, like
2019-01-02T19:59:00, and energies whole watt-hours.

DIR is replaced if it is empty or an earlier output (it holds a summary.json and nothing but files
that a replay writes); anything else is left alone.

Example:
  virtual-pile replay data/residential-sessions-sr2.csv --tariff data/tariff.toml --out out \\
      --power-cuts 200 --seed 7")]
    Replay(Replay),
    /// Plays a script of taps, plugs, cuts and commands, and checks what it expects.
    #[command(after_help = "\
Example:
  virtual-pile run scenarios/charge-by-card.toml

Exits with 1 if an expectation is not met, with 2 if the script itself is wrong.")]
    Run(Run),
    /// Stands on the desk, in real time, and lets phones in over TCP; reads from its input who taps,
    /// plugs in and cuts the supply.
    #[command(after_help = "\
It prints its address and the codes of its cards. Type `help` for what it reads. It ends with `quit`,
at the end of its input (not with --http), or after --for.

Example, in two shells:
  virtual-pile serve --port 7700
  pilectl phone --pile 127.0.0.1:7700 bind OP1:...

With --http 127.0.0.1:0 it prints the address of a page that shows the pile on its wall.")]
    Serve(Serve),
    /// Puts bikes, cards, meters and phones around a board that an emulator runs, in real time.
    #[command(after_help = "\
The emulator is given a character device a wire: people, radio, reader, meters1, meters2. It finds the
files flash and keys in --folder, which are made there once. Type `help` for what is read here; `cut`
kills the emulator and `restore` starts it again. It ends with `quit`, at the end of its input, or after
--for.

`cargo xtask run BOARD` builds a board and calls this. By hand:
  virtual-pile board --folder board-out -- qemu-system-arm -M mps2-an386 -display none -monitor none \\
      -semihosting-config enable=on,target=native -serial chardev:people -serial chardev:radio \\
      -serial chardev:reader -serial chardev:meters1 -serial chardev:meters2 -kernel /path/to/program")]
    Board(Board),
    /// Replays thirteen months of a real house, with power cuts, and prints the bills.
    Demo(Demo),
    /// Cuts the power at every flash operation of a pile's life, inside each, and again in recovery.
    #[command(after_help = "\
Exits with 1 if a guarantee did not hold after a cut; each is named with the operation and what the
cut left of it.")]
    Sweep(Sweep),
    /// Measures what a year of charging wears of the flash, on two real parts.
    #[command(after_help = "\
Exits with 1 if a flash does not last ten years, or if a watt-hour costs more than 8 bytes with ten
ports or 24 with one.")]
    Wear(Wear),
}

/// Options of `replay`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Replay {
    /// The sessions.
    #[arg(value_name = "SESSIONS.csv")]
    pub sessions: PathBuf,
    /// The prices.
    #[arg(long, value_name = "TARIFF.toml")]
    pub tariff: PathBuf,
    /// The folder to write.
    #[arg(long, value_name = "DIR")]
    pub out: PathBuf,
    /// The outlets of the pile, 1 to 16.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = ports)]
    pub ports: usize,
    /// Chooses the moments of the power cuts and every other chance; the same seed, the same bytes.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How often the supply is cut, 0 to 100000.
    #[arg(long, value_name = "N", default_value_t = 0,
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub power_cuts: u32,
    /// The zone of the file's local times and of the tariff's bands, such as +01:00 [default: the
    /// tariff's].
    #[arg(long, value_name = "+HH:MM", value_parser = offset, allow_hyphen_values = true)]
    pub utc_offset: Option<UtcOffset>,
}

/// Options of `run`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Run {
    /// The script; the README lists its keys.
    #[arg(value_name = "SCENARIO.toml")]
    pub scenario: PathBuf,
}

/// Options of `serve`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Serve {
    /// The TCP port on this computer's loopback, 0 for any that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// The prices that are set as soon as there is a landlord, unless there are prices already.
    #[arg(long, value_name = "TARIFF.toml")]
    pub tariff: Option<PathBuf>,
    /// The flash: read at the beginning if it is there, and written whenever it changes
    #[arg(long, value_name = "FILE.bin")]
    pub state: Option<PathBuf>,
    /// So many times faster than real time, 1 to 1000. Whatever waits at the pile is shorter, too.
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub speed: u32,
    /// Chooses the pile's identity, its secrets and its cards. A flash belongs to one seed.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The outlets of the pile, 1 to 16.
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = ports)]
    pub ports: usize,
    /// Serves the bench page on this address of the loopback, port 0 for any that is free; the
    /// pile's prices are then the demo's and its clock this computer's, unless it is told others.
    #[arg(long, value_name = "127.0.0.1:N", value_parser = loopback)]
    pub http: Option<SocketAddr>,
    /// Prints the page's address alone, once, and nothing of what happens. Needs --http.
    #[arg(long, requires = "http")]
    pub quiet: bool,
    /// The folder of the built phone app, for the phones on the bench page.
    #[arg(long, value_name = "DIR", default_value = "examples/phone/dist")]
    pub phone: PathBuf,
    /// Ends after so many seconds of real time.
    #[arg(long = "for", value_name = "SECONDS")]
    pub seconds: Option<u64>,
}

/// Options of `board`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Board {
    /// The TCP port for phones on this computer's loopback, 0 for any that is free.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub port: u16,
    /// The folder of the board's flash and keys.
    #[arg(long, value_name = "DIR", default_value = "board-out")]
    pub folder: PathBuf,
    /// Chooses the pile's identity, its secrets and its cards, where the folder has no keys.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Ends after so many seconds of real time.
    #[arg(long = "for", value_name = "SECONDS")]
    pub seconds: Option<u64>,
    /// The emulator and its arguments, paths in them absolute.
    #[arg(last = true, required = true, value_name = "EMULATOR")]
    pub emulator: Vec<String>,
}

/// Options of `demo`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Demo {
    /// The folder to write.
    #[arg(long, value_name = "DIR", default_value = "demo-out")]
    pub out: PathBuf,
    /// Chooses the moments of the power cuts and every other chance.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// How often the supply is cut, 0 to 100000.
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u32).range(0..=100_000))]
    pub power_cuts: u32,
}

/// Options of `sweep`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Sweep {
    /// A short life and a few thousand cut points.
    #[arg(long)]
    pub bounded: bool,
    /// Chooses which recoveries are cut again, and where.
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Threads, 1 to 64.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = threads)]
    pub threads: usize,
}

/// Options of `wear`.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
pub struct Wear {
    /// Every so many days the landlord settles, is paid and exports, 1 to 60.
    #[arg(long, value_name = "DAYS", default_value_t = 7,
          value_parser = clap::value_parser!(u32).range(1..=60))]
    pub settled: u32,
}

fn threads(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=64).contains(number));
    number.ok_or_else(|| "1 to 64 threads".to_owned())
}

fn loopback(text: &str) -> Result<SocketAddr, String> {
    let address: Option<SocketAddr> = text.parse().ok();
    address
        .filter(|address| address.ip() == Ipv4Addr::LOCALHOST)
        .ok_or_else(|| "the bench is served to this computer alone: 127.0.0.1:PORT".to_owned())
}

fn ports(text: &str) -> Result<usize, String> {
    let number = text.parse().ok();
    number
        .filter(|number| (1..=MAX_PORTS).contains(number))
        .ok_or_else(|| format!("a pile has 1 to {MAX_PORTS} ports"))
}

fn offset(text: &str) -> Result<UtcOffset, String> {
    let said = "write it like +01:00, from -14:00 to +14:00";
    text.parse().map_err(|_| said.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(more: &[&str]) -> Result<Replay, clap::Error> {
        let base = [
            "virtual-pile",
            "replay",
            "s.csv",
            "--tariff",
            "t.toml",
            "--out",
            "o",
        ];
        let cli = Cli::try_parse_from(base.iter().chain(more))?;
        let Command::Replay(replay) = cli.command else {
            panic!("{cli:?}")
        };
        Ok(replay)
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let replay = replay(&[]).unwrap();
        assert_eq!((replay.ports, replay.seed, replay.power_cuts), (10, 1, 0));
        assert_eq!(replay.utc_offset, None);
    }

    #[test]
    fn every_option_is_read() {
        let all = [
            "--ports",
            "4",
            "--seed",
            "9",
            "--power-cuts",
            "200",
            "--utc-offset",
            "-03:30",
        ];
        let replay = replay(&all).unwrap();
        assert_eq!((replay.ports, replay.seed, replay.power_cuts), (4, 9, 200));
        assert_eq!(replay.utc_offset.map(UtcOffset::minutes), Some(-210));
    }

    #[test]
    fn nonsense_is_refused_with_exit_code_two() {
        for wrong in [
            ["--ports", "0"],
            ["--ports", "17"],
            ["--ports", "x"],
            ["--seed", "-1"],
            ["--power-cuts", "-1"],
            ["--power-cuts", "1e3"],
            ["--utc-offset", "1"],
            ["--utc-offset", "+15:00"],
        ] {
            let error = replay(&wrong).unwrap_err();
            assert_eq!(error.exit_code(), 2, "{error}");
        }
    }
}
