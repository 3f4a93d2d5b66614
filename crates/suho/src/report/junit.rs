//! The report as JUnit's XML: a suite per engine, a case per check and per setting.

use anyhow::Context;
use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use suho_stack::{
    engines::SettingVerdict,
    proof::{Part, Report, Row, SettingRow, Verdict},
};

use super::mends;
use crate::output;

/// The whole file.
pub fn xml(report: &Report) -> anyhow::Result<String> {
    let mut junit = Junit::new("suho verify");
    junit.set_time(report.took);
    junit.add_test_suites(report.parts().iter().map(suite));
    junit.to_string().context("failed to write the report as XML")
}

fn suite(part: &Part<'_>) -> TestSuite {
    let name = output::short(part.service);
    let mut suite = TestSuite::new(name);
    let checks = part.rows.iter().map(|row| check(name, row));
    let settings = part.settings.iter().map(|row| setting(name, row));
    suite.add_test_cases(checks.chain(settings));
    suite
}

fn check(engine: &str, row: &Row) -> TestCase {
    let status = match &row.verdict {
        Verdict::Passed { .. } => TestCaseStatus::success(),
        Verdict::NotAskable { .. } | Verdict::NotOffered { .. } => skipped(row.verdict.to_string()),
        Verdict::Failed { error } => failed(error, &mends::of_check(row)),
    };
    let mut case = TestCase::new(row.check.to_string(), status);
    case.set_classname(format!("{engine}.checks")).set_time(row.took);
    case
}

fn setting(engine: &str, row: &SettingRow) -> TestCase {
    let status = match (&row.verdict, mends::of_setting(row)) {
        (_, Some(mend)) => failed(&super::terminal::told(row), &mend),
        (SettingVerdict::InEffect, None) => TestCaseStatus::success(),
        (_, None) => skipped(super::terminal::told(row)),
    };
    let mut case = TestCase::new(format!("{}:{} {}", row.file, row.line, row.key), status);
    case.set_classname(format!("{engine}.settings"));
    case
}

fn skipped(reason: String) -> TestCaseStatus {
    let mut status = TestCaseStatus::skipped();
    status.set_message(reason);
    status
}

fn failed(error: &str, mend: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
    status.set_message(error).set_description(mend);
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    #[test]
    fn every_row_is_a_case_and_what_is_wrong_a_failure() -> anyhow::Result<()> {
        let xml = xml(&example::report())?;

        assert!(xml.contains(r#"tests="5""#), "{xml}");
        assert!(xml.contains(r#"failures="2""#), "{xml}");
        assert!(xml.contains(r#"skipped="1""#), "{xml}");
        assert!(xml.contains("nats-server.conf:12 max_payload"), "{xml}");
        Ok(())
    }
}
