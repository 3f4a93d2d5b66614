//! A small report with one of each: for the tests of those who show it.

use std::{collections::BTreeMap, time::Duration};

use suho_stack::{
    engines::SettingVerdict,
    proof::{Check, Report, Row, SettingRow, Verdict},
};

pub fn report() -> Report {
    let row = |service: &str, check, verdict| Row {
        service: service.to_owned(),
        check,
        verdict,
        took: Duration::from_millis(1_500),
    };
    let deduplication = Check::Feature {
        name: "deduplication",
        claim: "a message published twice is stored once",
    };
    Report {
        rows: vec![
            row(
                "suho-arangodb",
                Check::RoundTrip,
                Verdict::NotOffered {
                    reason: "absent: no package".to_owned(),
                },
            ),
            row(
                "suho-nats-server",
                Check::RoundTrip,
                Verdict::Passed {
                    evidence: "published & fetched".to_owned(),
                },
            ),
            row(
                "suho-nats-server",
                deduplication,
                Verdict::Failed {
                    error: "stored <twice>".to_owned(),
                },
            ),
        ],
        settings: vec![
            setting(
                12,
                "max_payload",
                SettingVerdict::Differs {
                    effective: "2097152".to_owned(),
                },
            ),
            setting(13, "max_connections", SettingVerdict::InEffect),
        ],
        identities: BTreeMap::from([("suho-nats-server".to_owned(), "2.15.1".to_owned())]),
        took: Duration::from_secs(2),
    }
}

pub fn setting(line: usize, key: &str, verdict: SettingVerdict) -> SettingRow {
    SettingRow {
        service: "suho-nats-server".to_owned(),
        file: "nats-server.conf".to_owned(),
        line,
        key: key.to_owned(),
        configured: "1MB".to_owned(),
        effective: Some("2097152".to_owned()),
        origin: Some("varz".to_owned()),
        verdict,
    }
}
