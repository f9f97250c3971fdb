//! Names the memory layout to the linker.

fn main() {
    let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    println!("cargo::rustc-link-arg-bins=-T{folder}/../emulated/riscv32.ld");
    println!("cargo::rerun-if-changed=../emulated/riscv32.ld");
}
