//! `glue MODULE.wasm FOLDER`: writes the JavaScript and the types between the app and its WebAssembly
//! module.

use std::process::ExitCode;

use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(module), Some(folder)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: glue MODULE.wasm FOLDER");
        return ExitCode::from(2);
    };
    let mut bindgen = Bindgen::new();
    bindgen.input_path(&module).typescript(true);
    bindgen
        .remove_name_section(true)
        .remove_producers_section(true);
    let made = bindgen.web(true).and_then(|it| it.generate(&folder));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}: {error:#}", module.to_string_lossy());
            ExitCode::FAILURE
        }
    }
}
