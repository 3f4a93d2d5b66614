//! `suho config`: the configuration as such, without any engine.

use suho_stack::{
    config::{Checked, Complaint, check},
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
        say!("{}", in_words(complaint));
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

/// `postgresql.conf:12: …; did you mean `shared_buffers`?`
fn in_words(complaint: &Complaint) -> String {
    let words = format!("{}: {}", complaint.place(), complaint.message);
    match &complaint.nearest {
        Some(nearest) => format!("{words}; did you mean `{nearest}`?"),
        None => words,
    }
}
