//! The deployment as a test can wait for it and fill it: short intervals, small stores and limits, a small disk.

use std::process::Command;

use suho_stack::deployment::Files;

/// In which file what is said instead of what.
const CHANGES: &[(&str, &[(&str, &str)])] = &[
    (
        "monitoring/prometheus.yml",
        &[("interval: 15s", "interval: 2s"), ("timeout: 10s", "timeout: 2s")],
    ),
    (
        "nats-server.conf",
        &[("max_connections: 1000", "max_connections: 50"), ("8GB", "64MB")],
    ),
    // What a stream may take is set aside for it.
    (
        "init-scripts/messaging/declarations.conf",
        &[
            ("\"max_bytes\":2147483648", "\"max_bytes\":2097152"),
            ("\"max_bytes\":536870912", "\"max_bytes\":2097152"),
            ("\"max_bytes\":268435456", "\"max_bytes\":2097152"),
            ("\"max_bytes\":134217728", "\"max_bytes\":2097152"),
        ],
    ),
    // Two disks, of which one may break.
    (
        "kafka.properties",
        &[(
            "log.dirs=/var/lib/kafka/data",
            "log.dirs=/var/lib/kafka/data/one,/var/lib/kafka/data/two",
        )],
    ),
];

/// The deployment's files with these changes, and without patience before an alert. The expressions are those of the deployment.
pub fn files() -> Files {
    let files = CHANGES.iter().fold(Files::embedded(), |files, (path, changes)| {
        let text = files.text(path).unwrap().to_owned();
        let changed = changes.iter().fold(text, |text, (said, instead)| {
            assert!(text.contains(said), "{path} does not say {said}");
            text.replace(said, instead)
        });
        files.with(*path, changed)
    });
    let alerts: String = files
        .text("monitoring/alerts.yml")
        .unwrap()
        .lines()
        .map(|line| match line.strip_prefix("        for: ") {
            Some(_) => "        for: 2s\n".to_owned(),
            None => format!("{line}\n"),
        })
        .collect();
    files.with("monitoring/alerts.yml", alerts)
}

/// A volume of a quarter of a gigabyte, as long as it lives.
pub struct Disk(String);

impl Disk {
    /// The volume of ClickHouse in the stack of this name, which takes what it finds.
    pub fn of_clickhouse(stack: &str) -> Self {
        let disk = Self(format!("suho-clickhouse-data-{stack}"));
        let output = Command::new("docker")
            .args(["volume", "create", "--opt", "type=tmpfs", "--opt", "device=tmpfs"])
            .args(["--opt", "o=size=256m", &disk.0])
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        disk
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["volume", "rm", &self.0]).output();
    }
}
