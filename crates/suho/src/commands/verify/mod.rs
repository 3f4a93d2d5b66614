//! `suho verify`: every setting is in effect, every feature works, every engine serves its user and refuses strangers.
//!
//! # Layout
//! - here: the command, and a stack of ours.
//! - [`deployed`]: what is asked of a deployment of `docker compose up`, or of engines wherever they are.

mod deployed;

use std::sync::Arc;

use suho_stack::{
    proof::{Inquiry, Report, Scope},
    stack::{Restarter, StackState},
};

use crate::{Outcome, arguments::Verify, report};

pub async fn run(arguments: Verify) -> anyhow::Result<Outcome> {
    let pages = report::Pages::create(&arguments.reports)?;
    let inquiry = inquiry(&arguments).await?;
    let proof = report::asked(&inquiry).await;
    anyhow::ensure!(
        proof.has_asked(),
        "nothing could be asked: no engine of these is known to this program, or none can be reached from here"
    );
    // The start is that of a stack of ours, where this is one.
    let started = match (&arguments.endpoints, arguments.target) {
        (None, None) => StackState::load(&arguments.name)?.phases,
        _ => Vec::new(),
    };
    pages.write(&proof, &started)?;
    if arguments.json {
        say!("{}", serde_json::to_string_pretty(&proof)?);
    } else {
        report::print(&proof, arguments.all);
    }
    Ok(outcome(&proof))
}

/// Whether everything that was asked holds.
pub fn outcome(proof: &Report) -> Outcome {
    if proof.is_fine() {
        Outcome::Fine
    } else {
        Outcome::Failed
    }
}

async fn inquiry(arguments: &Verify) -> anyhow::Result<Inquiry> {
    let inquiry = match (&arguments.endpoints, arguments.target) {
        (Some(file), _) => deployed::by_endpoints(file, arguments.directory.as_deref())?,
        (None, Some(target)) => deployed::by_compose(target, arguments).await?,
        (None, None) => of_stack(arguments).await?,
    };
    Ok(Inquiry {
        scope: arguments.only.map(Scope::from).unwrap_or_default(),
        only: arguments.engines.clone(),
        ..inquiry
    })
}

async fn of_stack(arguments: &Verify) -> anyhow::Result<Inquiry> {
    let state = StackState::load(&arguments.name)?;
    let mut inquiry = Inquiry::of(&state);
    if arguments.allow_restart {
        inquiry.restart = Some(Arc::new(Restarter::of(&state).await?));
    }
    Ok(inquiry)
}
