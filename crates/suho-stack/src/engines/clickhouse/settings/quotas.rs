//! Quotas: how much a user may ask, by the server's view of their limits.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::super::EngineError;
use super::super::super::proving::Finding;
use super::values::{is_equal, text};
use super::{Inquiry, StandIn, client, is_item, unknown};
use crate::deployment::Setting;

const LIMITS: &str = "SELECT * FROM system.quota_limits";

/// What the server says of its quotas.
pub(super) struct View {
    limits: Vec<Value>,
    /// How long the file lets an interval last, by its path.
    durations: BTreeMap<String, String>,
    stand_in: StandIn,
}

impl View {
    pub(super) async fn ask(inquiry: Inquiry<'_>) -> Result<Self, EngineError> {
        let action = "read system.quota_limits";
        let durations = inquiry.settings.iter().filter_map(|setting| {
            let interval = setting.key.strip_suffix(".duration")?;
            Some((interval.to_owned(), setting.value.expose().to_owned()))
        });
        Ok(Self {
            limits: client::documents(inquiry.endpoint, inquiry.service, action, LIMITS).await?,
            durations: durations.collect(),
            stand_in: inquiry.stand_in,
        })
    }

    /// None for what is no part of a quota.
    pub(super) fn find(&self, setting: &Setting) -> Option<Finding> {
        let (quota, key) = setting.key.strip_prefix("quotas.")?.split_once('.')?;
        Some(self.limit(quota, key, setting.value.expose()))
    }

    fn limit(&self, quota: &str, key: &str, configured: &str) -> Finding {
        let Some((interval, field)) = key
            .split_once('.')
            .filter(|(interval, _)| is_item(interval, "interval"))
        else {
            return unknown();
        };
        let duration = self.durations.get(&format!("quotas.{quota}.{interval}"));
        let limits = self.limits.iter().find(|limits| {
            limits["quota_name"] == quota
                && duration.is_some_and(|duration| text(&limits["duration"]).as_ref() == Some(duration))
        });
        let column = format!("max_{field}");
        let is_known = field == "duration" || self.limits.iter().any(|limits| limits.get(&column).is_some());
        let Some(limits) = limits else {
            return if is_known {
                Finding::differs("no such interval", "system.quota_limits")
            } else {
                unknown()
            };
        };
        let shown = if field == "duration" {
            text(&limits["duration"])
        } else if is_known {
            // Without a limit is what 0 means.
            Some(text(&limits[&column]).unwrap_or_else(|| "0".to_owned()))
        } else {
            None
        };
        let Some(shown) = shown else { return unknown() };
        let finding = Finding::compared(is_equal(configured, &shown), shown, "system.quota_limits");
        self.stand_in.or_in_effect(
            "it counts nothing: it runs every query as a user without a quota",
            finding,
        )
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::json;

    use super::super::super::super::proving::SettingVerdict;
    use super::super::tests::setting;
    use super::*;

    /// Answers as the documentation has them, and as the pinned server gives them.
    fn view(stand_in: bool) -> View {
        View {
            limits: vec![json!({
                "quota_name": "service", "duration": 3600, "max_queries": 36000, "max_errors": null, "max_execution_time": 1800,
            })],
            durations: BTreeMap::from([("quotas.service.interval".to_owned(), "3600".to_owned())]),
            stand_in: StandIn(stand_in),
        }
    }

    fn differs(effective: &str) -> SettingVerdict {
        SettingVerdict::Differs {
            effective: effective.to_owned(),
        }
    }

    #[rstest]
    #[case("quotas.service.interval.duration", "3600", SettingVerdict::InEffect)]
    #[case("quotas.service.interval.queries", "36000", SettingVerdict::InEffect)]
    #[case("quotas.service.interval.queries", "0", differs("36000"))]
    #[case("quotas.service.interval.errors", "0", SettingVerdict::InEffect)]
    #[case("quotas.service.interval.errorsx", "0", SettingVerdict::Unknown)]
    #[case("quotas.service.interval[1].errors", "0", differs("no such interval"))]
    fn a_quota_is_as_the_server_shows_it(#[case] key: &str, #[case] value: &str, #[case] expected: SettingVerdict) {
        let finding = view(false).find(&setting("users.xml", key, value));
        assert_eq!(finding.map(|finding| finding.verdict), Some(expected));
    }

    #[test]
    fn a_stand_in_that_counts_nothing_offers_no_quota() {
        let finding = |value| view(true).find(&setting("users.xml", "quotas.service.interval.queries", value));
        let verdict = |value| finding(value).map(|finding| finding.verdict);
        assert!(matches!(verdict("36000"), Some(SettingVerdict::NotOffered { .. })));
        assert_eq!(verdict("36001"), Some(differs("36000")));
    }
}
