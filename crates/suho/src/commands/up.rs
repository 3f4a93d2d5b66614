//! `suho up`: launches a stack, proves it, and leaves it running.

use std::{fs::File, io::Write, sync::Arc};

use anyhow::Context;
use serde_json::json;
use suho_stack::{
    deployment::Variables,
    proof::{Inquiry, Report, Scope},
    stack::{Linger, Origin, Restarter, Stack, StackBuilder, StackState, Usage, timeline},
};

use crate::{
    Outcome,
    arguments::{DEFAULT_STACK, Up},
    commands::verify,
    output,
    report::{self, Pages},
};

pub async fn run(arguments: Up) -> anyhow::Result<Outcome> {
    if arguments.shared {
        return share(arguments).await;
    }
    let pages = Pages::create(&arguments.reports)?;
    let builder = builder(&arguments)?.name(&arguments.name);
    if let Some(state) = builder.find().await? {
        note!("stack {} runs already, from these very files", state.name);
        if arguments.timeline.is_some() {
            note!("nothing was started, so that there is no timeline to write");
        }
        let proof = report::asked(&inquiry(&state, arguments.verify)).await;
        pages.write(&proof, &state.phases)?;
        return tell(&state, &proof, arguments.json);
    }
    // Made before the start: a stack that has come up must not go because a file cannot be written.
    let trace = match &arguments.timeline {
        Some(path) => Some(File::create(path).with_context(|| format!("failed to write {}", path.display()))?),
        None => None,
    };
    let mut stack = builder.start().await?;
    if let Some(mut trace) = trace {
        trace
            .write_all(stack.timeline().chrome_trace().as_bytes())
            .context("failed to write the timeline")?;
    }
    let critical_path = timeline::in_words(&stack.critical_path());
    let took = stack.timeline().elapsed();
    let mut inquiry = inquiry(stack.state(), arguments.verify);
    // Nobody uses it yet.
    let restarter = Arc::new(Restarter::of(stack.state()).await?);
    inquiry.restart = Some(restarter.clone());
    let proof = report::asked(&inquiry).await;
    stack.follow(&restarter).await;
    // A stack that does not hold what it promises is left running too, for its owner to look at.
    let state = stack.leave_running()?;
    pages.write(&proof, &state.phases)?;
    let outcome = tell(&state, &proof, arguments.json)?;
    if !arguments.json {
        say!("\nready in {}; critical path: {critical_path}", output::seconds(took));
        // As it was called, so that what it says to type can be typed.
        let suho = std::env::args().next().unwrap_or_else(|| "suho".to_owned());
        say!("{}", what_next(&suho, &state.name));
    }
    Ok(outcome)
}

/// Attaches to the warm stack of these arguments, or starts it, and leaves it lingering.
async fn share(arguments: Up) -> anyhow::Result<Outcome> {
    let pages = Pages::create(&arguments.reports)?;
    // Also where tests do without: what is brought up by hand is for those who come later.
    let linger = arguments.linger.unwrap_or(Linger::USUAL);
    let stack = builder(&arguments)?.linger(linger).shared().await?;
    match stack.origin() {
        Origin::Started => {}
        Origin::Attached => note!("stack {} runs already, from these very files", stack.name()),
        Origin::Foreign => note!("the environment says where every engine is; nothing is started"),
    }
    let proof = report::asked(&inquiry(stack.state(), arguments.verify)).await;
    pages.write(&proof, &stack.state().phases)?;
    let outcome = tell(stack.state(), &proof, arguments.json)?;
    if let (Some(usage), false) = (Usage::of(stack.name())?, arguments.json) {
        let suho = std::env::args().next().unwrap_or_else(|| "suho".to_owned());
        say!("\n{}; {}", what_next(&suho, stack.name()), lingering(usage.linger));
    }
    Ok(outcome)
}

fn lingering(linger: Linger) -> String {
    match linger {
        Linger::Forever => "it stays until then".to_owned(),
        Linger::For(_) => format!("it goes by itself when nobody has used it for {linger}"),
    }
}

fn builder(arguments: &Up) -> anyhow::Result<StackBuilder> {
    let builder = Stack::builder()
        .engines(arguments.engines.clone())
        .images(arguments.images.into())
        .ports(arguments.ports.into())
        .timeout(arguments.timeout)
        .monitoring(arguments.monitoring)
        .variables(Variables::from_process_environment())
        .on_progress(output::tell);
    Ok(match &arguments.source.directory {
        Some(directory) => builder.directory(directory)?,
        None => builder,
    })
}

/// Whether each engine serves its user and refuses strangers, or, where `whole` is wanted, everything.
fn inquiry(state: &StackState, whole: bool) -> Inquiry {
    Inquiry {
        scope: if whole { Scope::Everything } else { Scope::Connectivity },
        ..Inquiry::of(state)
    }
}

fn tell(state: &StackState, proof: &Report, json: bool) -> anyhow::Result<Outcome> {
    if json {
        // The secrets stay in the state file; `suho env --json` is the place that prints them.
        let members: Vec<_> = state
            .members
            .iter()
            .map(|member| {
                json!({
                    "service": member.service, "container": member.container, "image": member.image,
                    "version": member.version, "edition": member.facts.edition, "stand_in": member.facts.stand_in,
                    "host": member.endpoint.host, "ports": member.endpoint.ports,
                    "ready_after_seconds": member.ready_after.as_secs_f64(),
                })
            })
            .collect();
        let result = json!({
            "name": state.name, "network": state.network, "members": members, "absent": state.absent, "proof": proof,
        });
        say!("{}", serde_json::to_string_pretty(&result)?);
    } else {
        print_table(state);
        report::print(proof, false);
    }
    Ok(verify::outcome(proof))
}

fn print_table(state: &StackState) {
    let present = state.members.iter().map(|member| {
        let ports: Vec<_> = member.endpoint.ports.values().map(u16::to_string).collect();
        [
            output::short(&member.service).to_owned(),
            member.version.clone(),
            kind(member),
            format!("{}:{}", member.endpoint.host, ports.join(",")),
            output::seconds(member.ready_after),
        ]
    });
    let absent = state.absent.iter().map(|absent| {
        let nothing = || "-".to_owned();
        [
            output::short(&absent.service).to_owned(),
            nothing(),
            "absent".to_owned(),
            nothing(),
            nothing(),
        ]
    });
    say!("");
    output::table(
        ["ENGINE", "VERSION", "WHAT IT IS", "ENDPOINT", "READY AFTER"],
        &present.chain(absent).collect::<Vec<_>>(),
    );
    say!("");
    for member in &state.members {
        if let Some(stand_in) = &member.facts.stand_in {
            say!("{} is a stand-in: {stand_in}", output::short(&member.service));
        }
    }
    for absent in &state.absent {
        say!("{} is absent: {}", output::short(&absent.service), absent.reason);
    }
}

/// Upstream, air-gap build or stand-in: an image says what it is.
fn kind(member: &suho_stack::stack::Member) -> String {
    match (&member.facts.stand_in, &member.facts.edition) {
        (Some(_), _) => "air-gap build, a stand-in".to_owned(),
        (None, Some(edition)) => format!("air-gap build, {edition}"),
        (None, None) if member.facts.version.is_some() => "air-gap build".to_owned(),
        (None, None) => "upstream".to_owned(),
    }
}

fn what_next(suho: &str, name: &str) -> String {
    let (reach, remove) = if name == DEFAULT_STACK {
        (format!("{suho} env"), format!("{suho} down"))
    } else {
        (format!("{suho} env --name {name}"), format!("{suho} down {name}"))
    };
    format!("how to reach it: eval \"$({reach})\"; how to remove it: {remove}")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::arguments::Arguments;

    #[test]
    fn what_it_says_to_type_next_is_understood() {
        assert_eq!(
            what_next("target/debug/suho", DEFAULT_STACK),
            "how to reach it: eval \"$(target/debug/suho env)\"; how to remove it: target/debug/suho down"
        );
        for command in ["suho env --name orders", "suho down orders"] {
            assert!(what_next("suho", "orders").contains(command));
            assert!(Arguments::try_parse_from(command.split(' ')).is_ok(), "{command}");
        }
    }
}
