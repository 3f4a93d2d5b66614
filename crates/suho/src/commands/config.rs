//! `suho config`: the configuration as such, without any engine.

use std::{fs, io, path::Path};

use anyhow::{Context as _, bail};
use suho_stack::{
    config::{Change, Checked, check, merge},
    deployment::Variables,
};

use crate::{
    Outcome,
    arguments::{Config, Source},
    output,
};

pub fn run(arguments: &Config) -> anyhow::Result<Outcome> {
    match arguments {
        Config::Check { source, json } => checked(source, *json),
        Config::Merge {
            settings,
            output,
            source,
        } => merged(settings, output, source),
    }
}

fn checked(source: &Source, json: bool) -> anyhow::Result<Outcome> {
    let checked = check(&source.files()?, Variables::from_process_environment());
    if json {
        say!("{}", serde_json::to_string_pretty(&checked)?);
    } else {
        print(&checked);
    }
    let fine = checked.complaints.is_empty();
    Ok(if fine { Outcome::Fine } else { Outcome::Failed })
}

fn print(checked: &Checked) {
    for complaint in &checked.complaints {
        say!("{}", complaint.in_words());
    }
    match checked.complaints.len() {
        0 => {
            let rows: Vec<_> = checked
                .files
                .iter()
                .map(|(file, settings)| [file.clone(), settings.to_string()])
                .collect();
            output::table(["FILE", "SETTINGS"], &rows);
        }
        1 => note!("suho: 1 thing is wrong"),
        number => note!("suho: {number} things are wrong"),
    }
}

fn merged(settings: &Path, output: &Path, source: &Source) -> anyhow::Result<Outcome> {
    if fs::read_dir(output).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!(
            "{} is not empty; give a directory that does not exist yet",
            output.display()
        );
    }
    let changes =
        Change::parse(&text_of(settings)?).with_context(|| format!("failed to merge {}", settings.display()))?;
    let files = source.files()?;
    let merged = merge(&files, &changes, Variables::from_process_environment())
        .with_context(|| format!("failed to merge {}", settings.display()))?;
    merged.write_to(output)?;
    note!(
        "suho: {} settings changed, written to {}",
        changes.len(),
        output.display()
    );
    Ok(Outcome::Fine)
}

/// The text of a file, or of standard input where it is `-`.
fn text_of(file: &Path) -> anyhow::Result<String> {
    let text = if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    };
    text.with_context(|| format!("failed to read {}", file.display()))
}
