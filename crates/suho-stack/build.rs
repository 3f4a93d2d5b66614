//! Embeds the files of the deployment, so that a downstream crate needs no checkout.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, error, fs};

#[path = "src/deployment/selection.rs"]
mod selection;

const DIRECTORY: &str = "../../compose";

/// Set to `no`, no file is embedded: a packager builds the crates without the deployment beside them.
const SWITCH: &str = "SUHO_EMBED";

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-env-changed={SWITCH}");
    let source = if env::var_os(SWITCH).is_some_and(|value| value == "no") {
        // Without this line cargo runs the script anew whenever any file of the crate has changed.
        println!("cargo::rerun-if-changed=build.rs");
        "&[]".to_owned()
    } else {
        embedding()?
    };
    fs::write(Path::new(&env::var("OUT_DIR")?).join("embedded.rs"), source)?;
    Ok(())
}

/// Every file of the deployment, as the source of a list.
fn embedding() -> Result<String, Box<dyn error::Error>> {
    let directory = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join(DIRECTORY);
    let directory = directory
        .canonicalize()
        .map_err(|error| format!("failed to find the deployment in {}: {error}", directory.display()))?;
    let mut source = String::from("&[\n");
    for file in selection::files_of(&directory)? {
        let path = directory.join(&file);
        let path = path
            .to_str()
            .ok_or("failed to embed the deployment: its path is not UTF-8")?;
        writeln!(source, "    ({file:?}, include_bytes!({path:?})),")?;
    }
    source.push_str("]\n");
    println!("cargo::rerun-if-changed={DIRECTORY}");
    Ok(source)
}
