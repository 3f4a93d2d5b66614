//! Every option and variable against what the server says it runs with.

use reqwest::Method;
use serde_json::Value;

use super::super::http::{Caller, in_words};
use super::super::proving::{Finding, SettingVerdict};
use super::super::{Endpoint, EngineError};
use super::client;
use crate::deployment::{Setting, SettingKind};

/// The options in effect. It tells no sources: what a command line overrides is seen by its value alone.
pub(super) const OPTIONS: &str = "/_db/_system/_admin/options";
const METRICS: &str = "/_admin/metrics/v2";

/// One finding for each setting.
pub(super) async fn prove(endpoint: &Endpoint, settings: &[Setting]) -> Result<Vec<Finding>, EngineError> {
    let caller = client::connect(endpoint)?;
    let options = caller.send(Method::GET, OPTIONS, "read the options in effect").await?;
    let metrics = metrics(&caller).await?;
    let password = client::password(endpoint)?;
    Ok(settings
        .iter()
        .map(|setting| match setting.kind {
            SettingKind::File => option(setting, &options),
            SettingKind::Environment => variable(setting, &metrics, password),
        })
        .collect())
}

async fn metrics(caller: &Caller<'_>) -> Result<String, EngineError> {
    caller.text(METRICS, "read the metrics").await
}

fn option(setting: &Setting, options: &Value) -> Finding {
    match options.get(&setting.key) {
        None => Finding::without_value(SettingVerdict::Unknown),
        Some(effective) => Finding::compared(
            is_equal(setting.value.expose(), effective),
            in_words(effective),
            "the server's options",
        ),
    }
}

/// The server reads no variable but these; `password` is the one that it has let in.
fn variable(setting: &Setting, metrics: &str, password: &str) -> Finding {
    match setting.key.as_str() {
        // Everything above was read with it; a wrong one and none are refused by the check of strangers.
        client::PASSWORD => Finding::compared(
            setting.value.expose() == password,
            "(secret)",
            "the password that root logged in with",
        ),
        "ARANGODB_OVERRIDE_DETECTED_TOTAL_MEMORY" => {
            measured(setting, metrics, "arangodb_server_statistics_effective_physical_memory")
        }
        "ARANGODB_OVERRIDE_DETECTED_NUMBER_OF_CORES" => {
            measured(setting, metrics, "arangodb_server_statistics_effective_cpu_cores")
        }
        _ => Finding::without_value(SettingVerdict::Unknown),
    }
}

fn measured(setting: &Setting, metrics: &str, name: &str) -> Finding {
    match metric(metrics, name) {
        Some(effective) => Finding::compared(
            number(setting.value.expose()) == number(effective),
            effective,
            format!("the metric {name}"),
        ),
        None => Finding::not_askable(format!("this version has no metric {name}")),
    }
}

/// The value of `name{…} value` in the text format of Prometheus.
fn metric<'a>(metrics: &'a str, name: &str) -> Option<&'a str> {
    metrics.lines().find_map(|line| {
        let rest = line.strip_prefix(name)?;
        rest.starts_with(['{', ' ']).then(|| rest.rsplit(' ').next())?
    })
}

/// Compares as the option's own type would: sizes and numbers by their value, `true` in all its spellings, lists by their items.
fn is_equal(configured: &str, effective: &Value) -> bool {
    match effective {
        Value::Bool(effective) => boolean(configured) == Some(*effective),
        Value::Number(effective) => number(configured) == number(&effective.to_string()),
        Value::String(effective) => effective == configured,
        Value::Array(items) => {
            let mut configured = configured.split(',').map(str::trim);
            items.iter().all(|item| item.as_str() == configured.next()) && configured.next().is_none()
        }
        Value::Null | Value::Object(_) => false,
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" | "✓" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}

/// `256MiB`, `1e9`, `100`: `ib` counts in 1024, the rest in 1000.
pub(super) fn number(text: &str) -> Option<f64> {
    const SUFFIXES: [(&str, f64); 12] = [
        ("kib", 1024.0),
        ("mib", 1_048_576.0),
        ("gib", 1_073_741_824.0),
        ("tib", 1_099_511_627_776.0),
        ("kb", 1e3),
        ("mb", 1e6),
        ("gb", 1e9),
        ("tb", 1e12),
        ("k", 1e3),
        ("m", 1e6),
        ("g", 1e9),
        ("t", 1e12),
    ];
    let text = text.trim().to_ascii_lowercase();
    let suffixed = SUFFIXES
        .iter()
        .find_map(|(suffix, factor)| Some((text.strip_suffix(suffix)?, *factor)));
    let (digits, factor) = suffixed.unwrap_or((&text, 1.0));
    digits.trim().parse::<f64>().ok().map(|number| number * factor)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use serde_json::json;

    use super::*;

    #[rstest]
    #[case("256MiB", json!(268_435_456), true)]
    #[case("256MB", json!(268_435_456), false)]
    #[case("100", json!(100), true)]
    #[case("300", json!(300.0), true)]
    #[case("true", json!(true), true)]
    #[case("off", json!(false), true)]
    #[case("maybe", json!(false), false)]
    #[case("tcp://0.0.0.0:8529", json!(["tcp://0.0.0.0:8529"]), true)]
    #[case("tcp://0.0.0.0:8529", json!(["tcp://127.0.0.1:8529"]), false)]
    #[case("a", json!(["a", "b"]), false)]
    #[case("a,b", json!(["a"]), false)]
    #[case("admin", json!("admin"), true)]
    #[case("admin", json!("jwt"), false)]
    #[case("-", json!(null), false)]
    fn values_are_compared_as_their_option_reads_them(
        #[case] configured: &str,
        #[case] effective: Value,
        #[case] equal: bool,
    ) {
        assert_eq!(is_equal(configured, &effective), equal);
    }

    #[test]
    fn a_metric_is_found_by_its_whole_name() {
        let metrics = "# TYPE a_b gauge\na_b_total{role=\"SINGLE\"} 7\na_b{role=\"SINGLE\"} 2147483648.000000\n";

        assert_eq!(metric(metrics, "a_b"), Some("2147483648.000000"));
        assert_eq!(metric(metrics, "a_c"), None);
    }

    proptest! {
        #[test]
        fn a_size_is_the_same_in_every_spelling(mebibytes in 1u32..1_000_000) {
            let bytes = json!(u64::from(mebibytes) << 20);
            for spelling in [format!("{mebibytes}MiB"), format!("{}KiB", u64::from(mebibytes) * 1024), bytes.to_string()] {
                prop_assert!(is_equal(&spelling, &bytes));
            }
            let more = format!("{}MiB", mebibytes + 1);
            prop_assert!(!is_equal(&more, &bytes));
        }
    }
}
