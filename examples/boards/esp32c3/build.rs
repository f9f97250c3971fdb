//! Has the linker use the memory map of esp-hal.

fn main() {
    println!("cargo:rustc-link-arg-bins=-Tlinkall.x");
}
