use std::process::Stdio;

use rstest::rstest;
use suho_testkit::Tenant;
use tokio::process::Command;
use trading_service::Error;
use trading_service::intake;
use trading_service::order::Outcome;

use crate::{TOPIC, announced, open_desk, order, trader};

/// The variables by which `suho env` tells the stack to programs tell a tenant to them as well.
#[rstest]
#[suho_testkit::test]
async fn the_program_finds_its_engines_by_the_environment(#[future(awt)] trader: Tenant) -> Result<(), Error> {
    drop(open_desk(&trader).await?);
    let kafka = trader.kafka().await?;
    let nats = trader.nats().await?;
    let mut program = Command::new(env!("CARGO_BIN_EXE_trading-service"));
    let rooms = [trader.postgresql().await?.way_in()?, nats.way_in()?, kafka.way_in()?];
    for (name, value) in rooms.iter().flat_map(|way_in| &way_in.variables) {
        program.env(name, value.expose());
    }
    let _running = program
        .env("EVENTS_TOPIC", kafka.topic(TOPIC)?)
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;

    intake::send(&nats.jetstream().await?, &order("1", "10")).await?;

    let events = announced(&trader, 1).await?;
    assert!(matches!(events[0].outcome, Outcome::Booked { .. }), "{events:?}");
    Ok(())
}
