//! Names the memory layout to the linker.

fn main() {
    let of = |name: &str| std::env::var(name).unwrap_or_default();
    let layout = match of("CARGO_CFG_TARGET_ARCH").as_str() {
        "arm" => "cortex-m4.ld",
        _ => "riscv32.ld",
    };
    println!(
        "cargo::rustc-link-arg-bins=-T{}/{layout}",
        of("CARGO_MANIFEST_DIR")
    );
    println!("cargo::rerun-if-changed={layout}");
}
