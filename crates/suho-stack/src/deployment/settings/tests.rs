//! Every reader on lines that are well and badly written, and the shipped files.

use std::collections::{BTreeMap, BTreeSet};

use rstest::rstest;

use super::*;
use crate::deployment::{Deployment, Variables};

fn read(reader: Reader, text: &str) -> Result<Vec<(usize, String, String)>, String> {
    let files = Files::embedded().with("a.conf", text);
    let settings = reader(&files, "a.conf").map_err(|error| error.to_string())?;
    Ok(settings
        .into_iter()
        .map(|setting| (setting.line, setting.key, setting.value.expose().to_owned()))
        .collect())
}

#[rstest]
#[case::plain(postgresql, "a = 1", 1, "a", "1")]
#[case::without_equals(postgresql, "a on", 1, "a", "on")]
#[case::without_blanks(postgresql, "a=1", 1, "a", "1")]
#[case::comments(postgresql, "# no = 1\n\n a.b = 1# why", 3, "a.b", "1")]
#[case::quoted(postgresql, "a = '%m # it''s \\\\ \\' ' # why", 1, "a", "%m # it's \\ ' ")]
#[case::empty(postgresql, "a = ''", 1, "a", "")]
#[case::properties(properties, "# no\n! no\n  a.b = 1 # part of it", 3, "a.b", "1 # part of it")]
#[case::colon(properties, "a: b=c", 1, "a", "b=c")]
#[case::blank(properties, "a b", 1, "a", "b")]
#[case::nothing(properties, "a=", 1, "a", "")]
#[case::continued(properties, "\na=b,\\\n    c", 2, "a", "b,c")]
#[case::not_continued(properties, "a=b\\\\", 1, "a", "b\\")]
#[case::continued_at_the_end(properties, "a=b\\", 1, "a", "b")]
#[case::escaped(properties, "a\\:b\\ c=d\\te", 1, "a:b c", "d\te")]
#[case::flag(flags, "# no\n--a_b=c=d", 2, "a_b", "c=d")]
#[case::boolean_flag(flags, "--a", 1, "a", "true")]
#[case::section(
    ini,
    "# no\n; no\n[server]\nendpoint = tcp://0.0.0.0:8529",
    4,
    "server.endpoint",
    "tcp://0.0.0.0:8529"
)]
#[case::no_section(ini, "a=", 1, "a", "")]
fn a_setting_is_read(
    #[case] reader: Reader,
    #[case] text: &str,
    #[case] line: usize,
    #[case] key: &str,
    #[case] value: &str,
) {
    assert_eq!(read(reader, text), Ok(vec![(line, key.to_owned(), value.to_owned())]));
}

#[rstest]
#[case(
    postgresql,
    "\ninclude_dir 'conf.d'",
    "read a.conf:2: `include_dir` brings in settings"
)]
#[case(postgresql, "a = 'b", "the quote is not closed")]
#[case(postgresql, "a = b c", "`c` follows the value of a")]
#[case(postgresql, "a", "`a` has no value")]
#[case(postgresql, "a = # nothing", "`a` has no value")]
#[case(postgresql, "a = 'b\\n'", "only \\\\ and \\' are read as escapes")]
#[case(properties, "=b", "no key in front of the value")]
#[case(properties, "a=\\u0041", "\\u escapes are not read")]
#[case(flags, "a=b", "`a=b` is no flag")]
#[case(flags, "--=b", "is no flag")]
#[case(flags, "--a b=c", "has a blank in its name")]
#[case(ini, "[server", "the section is not closed")]
#[case(ini, "@include a", "`@include a` is no setting")]
fn a_bad_line_is_an_error(#[case] reader: Reader, #[case] text: &str, #[case] message: &str) {
    let error = read(reader, text).unwrap_err();
    assert!(error.contains(message), "{error}");
}

#[rstest]
#[case(postgresql, "postgresql.conf")]
#[case(properties, "kafka.properties")]
#[case(properties, "zoo.cfg")]
#[case(flags, "dragonfly.flags")]
#[case(ini, "arangod.conf")]
fn no_file_sets_a_key_twice(#[case] reader: Reader, #[case] file: &str) {
    let settings = reader(&Files::embedded(), file).unwrap();
    assert!(!settings.is_empty());
    let mut seen = BTreeSet::new();
    for setting in settings {
        assert!(
            seen.insert(setting.key.to_lowercase()),
            "{file}:{}: {} again",
            setting.line,
            setting.key
        );
    }
}

#[test]
fn postgresql_is_tuned_as_timescaledb_tune_would() {
    let files = Files::embedded();
    let settings = postgresql(&files, "postgresql.conf").unwrap();
    let settings: BTreeMap<_, _> = settings
        .iter()
        .map(|setting| (setting.key.as_str(), setting.value.expose()))
        .collect();
    let (gigabytes, cpus) = declared(files.text("postgresql.conf").unwrap());
    for (key, expected) in tuned(gigabytes, cpus) {
        let value = settings.get(key).unwrap_or_else(|| panic!("{key} is not set"));
        assert_eq!(
            in_base_units(value),
            in_base_units(&expected),
            "{key}: {value} instead of {expected}"
        );
    }
}

#[test]
fn postgresql_is_tuned_for_the_limits_of_its_service() {
    let files = Files::embedded();
    let mut variables = Variables::default();
    variables.generate_missing(Deployment::required_variables(&files, &["docker-compose.yml"]).unwrap());
    let deployment = Deployment::read(&files, &["docker-compose.yml"], &variables).unwrap();
    let service = deployment.service("suho-postgresql").unwrap();
    let (gigabytes, cpus) = declared(files.text("postgresql.conf").unwrap());
    assert_eq!(service.memory, Some(gigabytes << 30));
    assert_eq!(service.cpus, Some(f64::from(u32::try_from(cpus).unwrap())));
}

/// A second machine, so that the rules are more than the one file that they are compared with.
#[test]
fn the_rules_of_timescaledb_tune_hold_for_8_gb() {
    let tuned: BTreeMap<_, _> = tuned(8, 2).into_iter().collect();
    let expected = [
        ("shared_buffers", "2GB"),
        ("effective_cache_size", "6GB"),
        ("maintenance_work_mem", "1GB"),
        ("max_connections", "100"),
        ("work_mem", "32MB"),
        ("max_locks_per_transaction", "256"),
    ];
    for (key, value) in expected {
        assert_eq!(in_base_units(&tuned[key]), in_base_units(value), "{key}");
    }
}

/// `# declared: memory=4GB cpus=2`
fn declared(text: &str) -> (u64, u64) {
    let line = text.lines().find_map(|line| line.strip_prefix("# declared: ")).unwrap();
    let values: BTreeMap<_, _> = line
        .split_whitespace()
        .filter_map(|word| word.split_once('='))
        .collect();
    let gigabytes = values["memory"].strip_suffix("GB").unwrap();
    (gigabytes.parse().unwrap(), values["cpus"].parse().unwrap())
}

/// What timescaledb-tune 0.19 writes for version 17 on a machine of its own with at least 2 GB and 2 processors.
fn tuned(gigabytes: u64, cpus: u64) -> Vec<(&'static str, String)> {
    let megabytes = |number: u64| format!("{number}MB");
    let connections = match gigabytes {
        0..=2 => 25,
        3..=4 => 50,
        5..=6 => 75,
        _ => 100,
    };
    let locks = match gigabytes {
        0..=7 => 128,
        8..=15 => 256,
        16..=31 => 512,
        _ => 1024,
    };
    let half_of_cpus = cpus.div_ceil(2);
    let background_workers = 16;
    vec![
        ("shared_buffers", megabytes(gigabytes * 1024 / 4)),
        ("effective_cache_size", megabytes(gigabytes * 1024 * 3 / 4)),
        ("maintenance_work_mem", megabytes((128 * gigabytes).min(2047))),
        ("max_connections", connections.to_string()),
        (
            "work_mem",
            format!("{}kB", gigabytes * (400 * 1024 / connections) / half_of_cpus),
        ),
        ("timescaledb.max_background_workers", background_workers.to_string()),
        ("max_worker_processes", (3 + background_workers + cpus).to_string()),
        ("max_parallel_workers", cpus.to_string()),
        ("max_parallel_workers_per_gather", half_of_cpus.to_string()),
        ("wal_buffers", megabytes(16)),
        ("min_wal_size", megabytes(512)),
        ("max_wal_size", megabytes(1024)),
        ("default_statistics_target", "100".to_owned()),
        ("random_page_cost", "1.1".to_owned()),
        ("checkpoint_completion_target", "0.9".to_owned()),
        ("max_locks_per_transaction", locks.to_string()),
        ("autovacuum_max_workers", "10".to_owned()),
        ("autovacuum_naptime", "10".to_owned()),
        ("effective_io_concurrency", "256".to_owned()),
        ("default_toast_compression", "lz4".to_owned()),
        ("jit", "off".to_owned()),
    ]
}

/// Sizes in kB, so that 1GB is 1024MB; whatever is no size as it is.
fn in_base_units(value: &str) -> String {
    let units = [("kB", 1), ("MB", 1 << 10), ("GB", 1 << 20)];
    let size = units.iter().find_map(|(unit, factor)| {
        let number: u64 = value.strip_suffix(unit)?.parse().ok()?;
        Some(format!("{}kB", number * factor))
    });
    size.unwrap_or_else(|| value.to_owned())
}
