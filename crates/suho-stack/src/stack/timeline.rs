//! When each phase of a start began and ended, and which of them the start waited for.

use std::{
    fmt::Write,
    future::Future,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tracing::Instrument;

/// One phase of the start of one service, measured as a span.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// The compose service.
    pub service: String,
    /// `launch`, `ready` or `declare`.
    pub name: String,
    /// After the start of the stack began.
    pub begin: Duration,
    /// After the start of the stack began.
    pub end: Duration,
}

/// The phases of a start.
#[derive(Debug, Clone)]
pub struct Timeline {
    began: Instant,
    phases: Arc<Mutex<Vec<Phase>>>,
}

impl Timeline {
    /// Begins to count.
    #[must_use]
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            phases: Arc::default(),
        }
    }

    /// Since the start began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Runs one phase inside a span and notes when it began and ended.
    pub(super) async fn measure<T>(&self, service: &str, name: &'static str, phase: impl Future<Output = T>) -> T {
        let begin = self.elapsed();
        let output = phase.instrument(tracing::info_span!("phase", service, name)).await;
        let phase = Phase {
            service: service.to_owned(),
            name: name.to_owned(),
            begin,
            end: self.elapsed(),
        };
        self.phases.lock().unwrap_or_else(PoisonError::into_inner).push(phase);
        output
    }

    /// The phases in the order in which they ended.
    #[must_use]
    pub fn phases(&self) -> Vec<Phase> {
        self.phases.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The phases that the start waited for: from its end back to its beginning, each the last that the next one needed.
    ///
    /// `dependencies` names what a service waits for.
    #[must_use]
    pub fn critical_path<'a>(&self, dependencies: impl Fn(&str) -> Vec<&'a str>) -> Vec<Phase> {
        let phases = self.phases();
        let end_of = |service: &str| {
            phases
                .iter()
                .filter(|phase| phase.service == service)
                .map(|phase| phase.end)
                .max()
        };
        let mut path = Vec::new();
        let mut next = phases
            .iter()
            .max_by_key(|phase| phase.end)
            .map(|phase| phase.service.clone());
        while let Some(service) = next {
            let mut own: Vec<Phase> = phases
                .iter()
                .filter(|phase| phase.service == service)
                .cloned()
                .collect();
            own.sort_by_key(|phase| phase.begin);
            path.splice(0..0, own);
            next = dependencies(&service)
                .into_iter()
                .max_by_key(|dependency| end_of(dependency))
                .map(str::to_owned);
        }
        path
    }

    /// The trace in the format of Chrome's and Perfetto's viewers, one row per service.
    #[must_use]
    pub fn chrome_trace(&self) -> String {
        let mut rows: Vec<String> = Vec::new();
        let mut events = Vec::new();
        for phase in self.phases() {
            let row = rows.iter().position(|row| *row == phase.service).unwrap_or_else(|| {
                rows.push(phase.service.clone());
                rows.len() - 1
            });
            events.push(json!({
                "ph": "X", "pid": 1, "tid": row, "cat": "start", "name": phase.name,
                "ts": micros(phase.begin), "dur": micros(phase.end.saturating_sub(phase.begin)),
            }));
        }
        for (row, service) in rows.iter().enumerate() {
            events.push(json!({"ph": "M", "pid": 1, "tid": row, "name": "thread_name", "args": {"name": service}}));
        }
        json!({"displayTimeUnit": "ms", "traceEvents": events}).to_string()
    }
}

/// The path in words: `suho-zookeeper launch 0.4 s, ready 1.2 s → suho-kafka launch 0.3 s, ready 2.9 s`.
#[must_use]
pub fn in_words(path: &[Phase]) -> String {
    let mut words = String::new();
    let mut service = "";
    for phase in path {
        let separator = match service {
            "" => "",
            same if same == phase.service => ", ",
            _ => " → ",
        };
        let name = if service == phase.service {
            ""
        } else {
            phase.service.as_str()
        };
        let space = if name.is_empty() { "" } else { " " };
        let took = phase.end.saturating_sub(phase.begin).as_secs_f64();
        // Writing to a string cannot fail.
        let _ = write!(words, "{separator}{name}{space}{} {took:.1} s", phase.name);
        service = &phase.service;
    }
    words
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phase(service: &str, name: &str, begin: u64, end: u64) -> Phase {
        Phase {
            service: service.to_owned(),
            name: name.to_owned(),
            begin: Duration::from_millis(begin),
            end: Duration::from_millis(end),
        }
    }

    fn timeline(phases: Vec<Phase>) -> Timeline {
        Timeline {
            began: Instant::now(),
            phases: Arc::new(Mutex::new(phases)),
        }
    }

    fn dependencies(service: &str) -> Vec<&'static str> {
        if service == "kafka" { vec!["zookeeper"] } else { vec![] }
    }

    #[test]
    fn the_critical_path_follows_what_the_last_service_waited_for() {
        let timeline = timeline(vec![
            phase("nats", "launch", 0, 300),
            phase("zookeeper", "launch", 0, 400),
            phase("zookeeper", "ready", 400, 1_600),
            phase("kafka", "launch", 1_600, 1_900),
            phase("nats", "ready", 300, 2_000),
            phase("kafka", "ready", 1_900, 4_800),
        ]);
        assert_eq!(
            in_words(&timeline.critical_path(dependencies)),
            "zookeeper launch 0.4 s, ready 1.2 s → kafka launch 0.3 s, ready 2.9 s"
        );
    }

    #[test]
    fn the_trace_has_a_row_per_service_and_microseconds() -> Result<(), serde_json::Error> {
        let trace = timeline(vec![phase("nats", "launch", 1, 3), phase("kafka", "launch", 2, 4)]).chrome_trace();
        let trace: serde_json::Value = serde_json::from_str(&trace)?;
        assert_eq!(trace["traceEvents"][0]["ts"], 1_000);
        assert_eq!(trace["traceEvents"][0]["dur"], 2_000);
        assert_eq!(trace["traceEvents"][3]["args"]["name"], "kafka");
        Ok(())
    }
}
