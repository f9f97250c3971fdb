#![no_std]
#![no_main]
#![doc = include_str!("../README.md")]

use emulated::{Timer, Uart, console, pile};

#[unsafe(no_mangle)]
extern "C" fn run() -> bool {
    let Some(ports) = Uart::all() else {
        console::write(c"no card of serial ports: -device pci-serial-4x\n");
        return false;
    };
    // It only comes back when a part of the host's is missing.
    pile::run("openpile riscv", ports, Timer::start()).is_some()
}
