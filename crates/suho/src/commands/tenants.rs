//! `suho tenants`: who has rooms on the stacks, and their removal.

use std::{collections::BTreeSet, time::Duration};

use serde_json::json;
use suho_stack::{
    runtime::Docker,
    stack::{
        Lodger, Tenants as Lodgings,
        tenants::{FOREIGN, Stage},
    },
};

use crate::{
    Outcome,
    arguments::{DropTenants, Tenants, TenantsCommand},
    output,
};

pub async fn run(arguments: Tenants) -> anyhow::Result<Outcome> {
    match arguments.command {
        Some(TenantsCommand::Drop(arguments)) => remove(&arguments).await,
        None => list(&arguments),
    }
}

fn list(arguments: &Tenants) -> anyhow::Result<Outcome> {
    let lodgers = Lodgings::list()?;
    if arguments.json {
        let rows: Vec<_> = lodgers
            .iter()
            .map(|lodger| {
                let mut row = json!({
                    "stack": lodger.stack, "tenant": lodger.tenant, "engine": lodger.engine, "room": lodger.room,
                    "stage": lodger.stage, "pid": lodger.pid, "in_use": lodger.in_use, "label": lodger.label,
                    "age_seconds": lodger.age.as_secs(),
                });
                if arguments.show_secrets {
                    row["way_in"] = json!(lodger.way_in());
                }
                row
            })
            .collect();
        say!("{}", serde_json::to_string_pretty(&rows)?);
        return Ok(Outcome::Fine);
    }
    if lodgers.is_empty() {
        say!("no stack has tenants");
        return Ok(Outcome::Fine);
    }
    let rows: Vec<_> = lodgers.iter().map(row).collect();
    output::table(
        ["STACK", "TENANT", "ENGINE", "ROOM", "STAGE", "PROCESS", "AGE", "LABEL"],
        &rows,
    );
    if arguments.show_secrets {
        for (lodger, way_in) in lodgers.iter().filter_map(|lodger| Some((lodger, lodger.way_in()?))) {
            say!("{}  {}", lodger.room, way_in.command.expose());
        }
    }
    Ok(Outcome::Fine)
}

fn row(lodger: &Lodger) -> [String; 8] {
    let process = if lodger.in_use {
        lodger.pid.to_string()
    } else {
        "-".to_owned()
    };
    let tenant = lodger
        .tenant
        .as_ref()
        .map_or_else(|| "-".to_owned(), ToString::to_string);
    [
        lodger.stack.clone(),
        tenant,
        lodger.engine.clone(),
        lodger.room.to_string(),
        lodger.stage.as_str().to_owned(),
        process,
        age(lodger.age),
        lodger.label.clone(),
    ]
}

/// `42 s`, `5 min`, `3 h`.
fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7_200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3_600),
    }
}

async fn remove(arguments: &DropTenants) -> anyhow::Result<Outcome> {
    let lodgers = Lodgings::list()?;
    let unknown: Vec<_> = arguments
        .names
        .iter()
        .filter(|name| !lodgers.iter().any(|lodger| is_called(lodger, name)))
        .map(String::as_str)
        .collect();
    if !unknown.is_empty() {
        anyhow::bail!(
            "there is no tenant {}; `suho tenants` lists those there are",
            unknown.join(", ")
        );
    }
    let running = running_stacks().await;
    let mut outcome = Outcome::Fine;
    let chosen = lodgers.iter().filter(|lodger| is_chosen(arguments, lodger));
    for lodger in chosen {
        let what = format!("{} in {} of {}", lodger.room, lodger.engine, lodger.stack);
        if is_of_a_stack_that_is_gone(lodger, running.as_ref()) {
            Lodgings::forget(&lodger.stack)?;
            say!("{what}: forgotten, the stack runs no more");
        } else if let Err(error) = lodger.remove().await {
            note!("suho: {what}: {error}");
            outcome = Outcome::Failed;
        } else {
            say!("{what}: removed");
        }
    }
    Ok(outcome)
}

fn is_chosen(arguments: &DropTenants, lodger: &Lodger) -> bool {
    if arguments.kept {
        return lodger.stage == Stage::Kept;
    }
    arguments.all && !lodger.in_use || arguments.names.iter().any(|name| is_called(lodger, name))
}

fn is_called(lodger: &Lodger, name: &str) -> bool {
    lodger.room.as_str() == name || lodger.tenant.as_ref().is_some_and(|tenant| tenant.as_str() == name)
}

/// `None` where Docker cannot be asked: then each engine is.
async fn running_stacks() -> Option<BTreeSet<String>> {
    Docker::connect().await.ok()?.list_stacks().await.ok()
}

fn is_of_a_stack_that_is_gone(lodger: &Lodger, running: Option<&BTreeSet<String>>) -> bool {
    !lodger.stack.starts_with(FOREIGN) && running.is_some_and(|running| !running.contains(&lodger.stack))
}
