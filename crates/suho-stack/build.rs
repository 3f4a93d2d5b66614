//! Embeds the files of the deployment and the reaper, so that a downstream crate needs neither a checkout nor a program.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, error, fs};

#[path = "src/deployment/selection.rs"]
mod selection;

const DIRECTORY: &str = "../../compose";

/// The program that removes a warm stack.
const REAPER: &str = "reaper";

/// Set to `no`, no file is embedded: a packager builds the crates without the deployment beside them.
const SWITCH: &str = "SUHO_EMBED";

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-env-changed={SWITCH}");
    let source = if env::var_os(SWITCH).is_some_and(|value| value == "no") {
        // Without this line cargo runs the script anew whenever any file of the crate has changed.
        println!("cargo::rerun-if-changed=build.rs");
        println!("cargo::rustc-env=SUHO_EMBEDDED_HASH=none");
        "&[]".to_owned()
    } else {
        embedding()?
    };
    fs::write(Path::new(&env::var("OUT_DIR")?).join("embedded.rs"), source)?;
    compile_reaper()
}

/// Compiles the reaper out of the standard library alone, and names it by what it holds.
fn compile_reaper() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed={REAPER}");
    let program = Path::new(&env::var("OUT_DIR")?).join("suho-reaper");
    let mut rustc = Command::new(env::var("RUSTC")?);
    rustc
        .args([
            "--edition=2024",
            "--crate-type=bin",
            "--crate-name=suho_reaper",
            "-A",
            "warnings",
        ])
        .args(["-C", "opt-level=1", "-C", "panic=abort", "-C", "strip=symbols"])
        .args(["--target", &env::var("TARGET")?]);
    // As cargo was told for the target.
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg("-C").arg(format!("linker={linker}"));
    }
    let output = rustc
        .arg("-o")
        .arg(&program)
        .arg(Path::new(REAPER).join("main.rs"))
        .output()?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("failed to compile the reaper: {words}").into());
    }
    println!("cargo::rustc-env=SUHO_REAPER_HASH={:016x}", hash(&fs::read(&program)?));
    Ok(())
}

/// FNV-1a: tells two builds apart, and needs no crate.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Every file of the deployment, as the source of a list.
fn embedding() -> Result<String, Box<dyn error::Error>> {
    let directory = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join(DIRECTORY);
    let directory = directory
        .canonicalize()
        .map_err(|error| format!("failed to find the deployment in {}: {error}", directory.display()))?;
    let mut source = String::from("&[\n");
    let mut all = Vec::new();
    for file in selection::files_of(&directory)? {
        let path = directory.join(&file);
        let path = path
            .to_str()
            .ok_or("failed to embed the deployment: its path is not UTF-8")?;
        writeln!(source, "    ({file:?}, include_bytes!({path:?})),")?;
        all.extend(file.as_bytes());
        all.extend(fs::read(path)?);
    }
    println!("cargo::rustc-env=SUHO_EMBEDDED_HASH={:016x}", hash(&all));
    source.push_str("]\n");
    println!("cargo::rerun-if-changed={DIRECTORY}");
    Ok(source)
}
