use std::{fs, io::Write as _, path::Path, process::Stdio};

use rstest::rstest;

use crate::{copy_deployment, run, stdout, suho};

fn stderr(output: &std::process::Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn the_deployment_is_fine_and_its_settings_are_counted() {
    let output = stdout(&run(suho().args(["config", "check"]), 0));

    for file in [
        "postgresql.conf",
        "clickhouse-users.xml",
        "docker-compose.yml",
        "zoo.cfg",
    ] {
        assert!(output.lines().any(|line| line.starts_with(file)), "{output}");
    }
}

#[test]
fn a_typo_is_told_in_words_and_as_json() {
    let directory = tempfile::tempdir().unwrap();
    copy_deployment(directory.path());
    let file = directory.path().join("zoo.cfg");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("tickTime", "tikTime")).unwrap();
    let check = |json: &[&str]| {
        let mut command = suho();
        command
            .args(["config", "check", "--directory"])
            .arg(directory.path())
            .args(json);
        run(&mut command, 1)
    };

    let words = check(&[]);
    assert!(
        stdout(&words).contains("did you mean `tickTime`?"),
        "{}",
        stdout(&words)
    );
    assert!(stderr(&words).contains("1 thing is wrong"), "{}", stderr(&words));
    let json: serde_json::Value = serde_json::from_str(&stdout(&check(&["--json"]))).unwrap();
    assert_eq!(json["complaints"][0]["nearest"], "tickTime");
    assert_eq!(json["complaints"][0]["file"], "zoo.cfg");
}

#[test]
fn a_directory_that_is_none_cannot_be_checked() {
    let output = run(suho().args(["config", "check", "--directory", "/nowhere"]), 2);
    assert!(
        stderr(&output).contains("failed to read /nowhere"),
        "{}",
        stderr(&output)
    );
}

fn merge(settings: &str, output: &Path, expected: i32) -> String {
    let mut command = suho();
    command
        .args(["config", "merge", "--settings", "-", "--output"])
        .arg(output);
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(settings.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(expected), "{}", stderr(&output));
    stderr(&output)
}

#[test]
fn a_copy_has_other_settings_and_is_fine() {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("compose");

    merge(r#"{"postgresql.conf": {"shared_buffers": "2GB"}}"#, &output, 0);

    let text = fs::read_to_string(output.join("postgresql.conf")).unwrap();
    assert!(text.contains("shared_buffers = '2GB'"));
    run(suho().args(["config", "check", "--directory"]).arg(&output), 0);
    // What is there already stays.
    let error = merge("{}", &output, 2);
    assert!(error.contains("is not empty"), "{error}");
}

#[rstest]
#[case(r#"{"postgresql.conf": {"shared_bufers": "2GB"}}"#, "did you mean `shared_buffers`?")]
#[case("[]", "failed to merge -: read the settings")]
fn nothing_is_written_where_something_is_wrong(#[case] settings: &str, #[case] words: &str) {
    let directory = tempfile::tempdir().unwrap();
    let output = directory.path().join("compose");
    let error = merge(settings, &output, 2);

    assert!(error.contains(words), "{error}");
    assert!(!output.exists());
}

#[test]
fn a_manual_page_is_written_for_each_command() {
    let directory = tempfile::tempdir().unwrap();
    let man = directory.path().join("man");

    run(suho().arg("manual").arg(&man), 0);

    for page in ["suho.1", "suho-up.1", "suho-config-merge.1"] {
        let text = fs::read_to_string(man.join(page)).unwrap();
        assert!(text.contains(".TH suho"), "{page}");
    }
}
