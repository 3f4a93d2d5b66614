//! Every key of the broker's two files and every variable, against what the live broker says and does.
//!
//! # Layout
//! - here: what is asked, and which of it proves which setting.
//! - [`broker`]: the keys of `kafka.properties`, by `DescribeConfigs`.
//! - [`logging`]: the keys of `kafka-log4j.properties`, by the levels of the broker's loggers.
//! - [`logins`]: the users of the listeners, by logging in as each.
//! - [`process`]: the command line that the broker runs with, and the files that it was started on.
//! - [`values`]: two spellings of one value.

mod broker;
mod logging;
mod logins;
mod process;
mod values;

use std::collections::BTreeMap;
use std::io;

use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use super::wire::{Broker, Cluster, Config, Described};
use super::{client, log_in_at};
use crate::deployment::{Setting, SettingKind};
use logins::Logins;
use process::Process;

/// What the broker says of itself, and whom it lets in.
struct View<'a> {
    configs: BTreeMap<String, Config>,
    /// The levels of the loggers by their names; that of all others is `root`'s.
    loggers: BTreeMap<String, String>,
    process: Process,
    cluster: Cluster,
    logins: Logins,
    environment: Environment<'a>,
}

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    let environment = Environment::of(settings);
    // At the listener for the host, wherever we are: it is the one whose clients are told what the variables say.
    let mut wire = log_in_at(endpoint, &endpoint.address(client::PUBLISHED_PORT)?).await?;
    let asking = async {
        let cluster = wire.cluster().await?;
        let broker = cluster
            .brokers
            .first()
            .ok_or_else(|| io::Error::other("it knows of no broker"))?;
        let number = broker.number.to_string();
        let configs = wire.configs(Described::Broker, &number).await?;
        let loggers = wire.configs(Described::Loggers, &number).await?;
        let process = Process::ask(&mut wire, &number, settings).await?;
        Ok::<_, io::Error>((cluster, configs, loggers, process))
    };
    let (cluster, configs, loggers, process) = asking
        .await
        .map_err(endpoint.failed("ask the broker for its configuration"))?;
    let configs: BTreeMap<_, _> = configs
        .into_iter()
        .map(|config| (config.name.clone(), config))
        .collect();
    let levels = loggers
        .into_iter()
        .filter_map(|logger| Some((logger.name, logger.value?)));
    let view = View {
        loggers: levels.collect(),
        process,
        cluster,
        logins: Logins::try_all(endpoint, settings, &configs, &environment).await?,
        configs,
        environment,
    };
    Ok(settings.iter().map(|setting| view.find(setting)).collect())
}

impl View<'_> {
    fn find(&self, setting: &Setting) -> Finding {
        match setting.kind {
            SettingKind::Environment => self.variable(setting),
            SettingKind::File if process::is_about_logging(setting) => self.logging(setting),
            SettingKind::File => self.broker(setting),
        }
    }

    fn variable(&self, setting: &Setting) -> Finding {
        let configured = setting.value.expose();
        match setting.key.as_str() {
            "KAFKA_HEAP_OPTS" | "KAFKA_LOG4J_OPTS" | "KAFKA_GC_LOG_OPTS" | "KAFKA_JVM_PERFORMANCE_OPTS" => {
                self.process.runs_with(configured)
            }
            "SUHO_KAFKA_ADVERTISED_HOST" => self.advertised(configured, |broker| broker.host.clone()),
            "SUHO_KAFKA_ADVERTISED_PORT" => self.advertised(configured, |broker| broker.port.to_string()),
            variable => self
                .logins
                .with_password(variable)
                .unwrap_or_else(|| Finding::without_value(SettingVerdict::Unknown)),
        }
    }

    /// A part of the address that clients from the host are told.
    fn advertised(&self, configured: &str, part: impl Fn(&Broker) -> String) -> Finding {
        let told: Vec<_> = self.cluster.brokers.iter().map(part).collect();
        let told = told.join(",");
        Finding::compared(told == configured, told, "what the broker tells clients to go on at")
    }
}

/// The variables that the files are filled from.
struct Environment<'a> {
    values: BTreeMap<&'a str, &'a str>,
}

impl<'a> Environment<'a> {
    fn of(settings: &'a [Setting]) -> Self {
        let variables = settings
            .iter()
            .filter(|setting| setting.kind == SettingKind::Environment);
        Self {
            values: variables
                .map(|variable| (variable.key.as_str(), variable.value.expose()))
                .collect(),
        }
    }

    /// `text` with each `${env:NAME}` replaced; one that is not set stays, as the provider leaves it.
    fn fill(&self, text: &str) -> String {
        let filled = |text: String, (name, value): (&&str, &&str)| text.replace(&format!("${{env:{name}}}"), value);
        self.values.iter().fold(text.to_owned(), filled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_and_unknown_ones_stay() {
        let environment = Environment {
            values: BTreeMap::from([("HOST", "127.0.0.1"), ("PORT", "9092")]),
        };

        assert_eq!(environment.fill("A://${env:HOST}:${env:PORT}"), "A://127.0.0.1:9092");
        assert_eq!(environment.fill("A://${env:HOSTS}:1"), "A://${env:HOSTS}:1");
    }
}
